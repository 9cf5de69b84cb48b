#include "pipeline/chain.h"

#include <errno.h>
#include <stdlib.h>

enum {
	BLOCK = 64 << 10,
	SLICE = 32 << 10, /* steps take 0.1 to 0.4 ms for that many bytes */
	READ_SLICE = 128 << 10, /* one that only reads takes 0.03 ms for usual spans, 0.4 for the smallest there are */
};

struct chain *chain_new(void)
{
	struct chain *c = oxp_new(sizeof *c);

	c->edit = json_edit_new(json_scan_best(), STEP_SCRATCH_MAX);
	c->closing = json_edit_new(json_scan_best(), STEP_SCRATCH_MAX);
	c->request = otlp_edit_new(STEP_SCRATCH_MAX);
	return c;
}

void chain_free(struct chain *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		c->rows[i].type->destroy(c->rows[i].step);
	json_edit_free(c->edit);
	json_edit_free(c->closing);
	otlp_edit_free(c->request);
	otlp_edit_free(c->aside);
	free(c->sampled.bits);
	free(c);
}

int chain_add(struct chain *c, const struct step_type *type, struct step *step, uint64_t *dropped)
{
	if (c->count == STEPS_MAX)
		return -ENOSPC;
	for (size_t i = 0; i < c->count; i++) {
		const struct step_type *other = c->rows[i].type;
		if ((type->folds && other->folds) || (type->read && other->read))
			return -EEXIST;
	}
	c->scratch += type->scratch;
	c->rows[c->count++] = (struct chain_row){ .type = type, .step = step, .dropped = dropped };
	return 0;
}

void chain_set_aside(struct chain *c, uint64_t *missed)
{
	OXP_ASSERT(!c->aside && !c->busy);
	c->aside = otlp_edit_new(STEP_SCRATCH_MAX);
	c->missed = missed;
}

/*
 * One batch on its way through the chain. `out` is created at the first line that changes. From then on it holds every
 * line that stays, in its own blocks: copying a few unchanged lines costs less than keeping both memories.
 */
struct chain_pass {
	struct chain *chain;
	const struct batch *in;
	struct batch *out;
	uint64_t stream;
	struct mono_time now;
	size_t at; /* the item of `in` that is looked at */
	bool looked; /* the steps have seen it, and this came of it: */
	enum step_answer answer;
	bool changed;
	size_t scratch; /* taken for the steps, until the line is in `out` */
	size_t copied; /* items of `in` that `out` has, or that were left out of it */
	size_t ahead; /* bytes of `in` behind these */
	char *block; /* the newest block of `out` */
	size_t used, room;
	const struct chain_row *folding; /* the step whose run is open (its record is the last of `out`), or NULL */
	struct batch *aside; /* what sampling left out; NULL: nothing so far */
	uint64_t missed; /* spans that it had no room for */
	bool asides; /* it left something out of the request that is looked at */
	bool stands; /* the last record that lines could be folded into was kept */
};

/* Gives back the unused end of the newest block. */
static void end_block(struct chain_pass *p)
{
	if (p->block && batch_block_trim(p->out, p->used))
		p->block = NULL;
	p->room = p->used = 0;
}

static char *out_room(struct chain_pass *p, size_t size)
{
	size_t want = p->ahead < BLOCK ? p->ahead : BLOCK;

	if (size > p->room - p->used) {
		end_block(p);
		p->room = size > want ? size : want;
		p->block = batch_block(p->out, p->room);
	}
	if (!p->block) {
		p->room = 0;
		return NULL;
	}
	p->used += size;
	return p->block + p->used - size;
}

static int copy_item(struct chain_pass *p, const struct batch_item *item)
{
	struct batch_item copy = *item;
	char *to = out_room(p, item->size);

	if (!to)
		return -ENOMEM;
	memcpy(to, item->data, item->size);
	copy.data = to;
	return batch_add(p->out, &copy);
}

/* The items before this one, which no step changed, are copied one by one. */
static int begin_out(struct chain_pass *p)
{
	p->out = batch_new(p->in->budget, p->in->signal);
	p->ahead = p->in->size;
	return p->out ? 0 : -ENOMEM;
}

/* Writes the edited line to memory of `out`. Returns NULL if there is no room. */
static char *write_line(struct chain_pass *p, const struct json_edit *edit, size_t *ret_size)
{
	char *to;

	*ret_size = json_edit_size(edit);
	to = *ret_size <= UINT32_MAX ? out_room(p, *ret_size) : NULL;
	if (to)
		json_edit_write(edit, to);
	return to;
}

static int write_item(struct chain_pass *p, const struct batch_item *item)
{
	struct batch_item edited = *item;
	size_t size;

	edited.data = write_line(p, p->chain->edit, &size);
	edited.size = (uint32_t)size;
	return edited.data ? batch_add(p->out, &edited) : -ENOMEM;
}

static struct record record_of(const struct chain_pass *p, struct json_edit *edit, const struct batch_item *item)
{
	return (struct record){ .edit = edit,
		.generation = p->stream ? p->stream : item->generation,
		.offset = item->offset,
		.now = p->now };
}

/* Ends the run of a step that folds: the step adds its count to the record of the run, the last one in `out`. */
static int end_run(struct chain_pass *p)
{
	struct json_edit *edit = p->chain->closing;
	const struct chain_row *row = p->folding;
	struct batch_item *item;
	struct record record;
	size_t size;
	char *to;

	if (!row)
		return 0;
	p->folding = NULL;
	end_block(p); /* the line being read must not move under the one being written */
	item = &p->out->items[p->out->count - 1];
	record = record_of(p, edit, item);
	if (json_edit_begin(edit, (struct bytes){ item->data, item->size }) != JSON_FINE)
		return 0;
	row->type->folded(row->step, &record);
	to = write_line(p, edit, &size);
	json_edit_end(edit);
	return to ? batch_replace_last(p->out, to, size) : -ENOMEM;
}

/* A step that folds is asked before it applies: the run before must be written before the step forgets it. */
static int ask_step(struct chain_pass *p, struct chain_row *row, struct record *record, enum step_answer *ret)
{
	int failed = 0;

	*ret = STEP_KEEP;
	if (row->type->folds) {
		*ret = !row->type->folds(row->step, record) ? STEP_KEEP : p->stands ? STEP_FOLD : STEP_DROP;
		if (*ret == STEP_KEEP)
			failed = end_run(p);
	}
	if (*ret == STEP_KEEP && !failed)
		*ret = row->type->apply(row->step, record);
	if (*ret == STEP_DROP)
		row->pending++;
	return failed;
}

/* Asks each step in turn, until one drops or folds the record. */
static int ask_steps(struct chain_pass *p, struct record *record, enum step_answer *ret)
{
	struct chain *c = p->chain;
	bool asked = false;
	int failed = 0;

	*ret = STEP_KEEP;
	for (size_t i = 0; i < c->count && *ret == STEP_KEEP && !failed; i++) {
		failed = ask_step(p, &c->rows[i], record, ret);
		asked = asked || (c->rows[i].type->folds && *ret == STEP_KEEP);
		if (*ret == STEP_FOLD)
			p->folding = &c->rows[i];
	}
	if (asked)
		p->stands = *ret == STEP_KEEP;
	return failed;
}

static int look_at(struct chain_pass *p, const struct batch_item *item, enum step_answer *ret)
{
	struct json_edit *edit = p->chain->edit;
	struct record record = record_of(p, edit, item);

	*ret = STEP_DROP;
	if (json_edit_begin(edit, (struct bytes){ item->data, item->size }) != JSON_FINE)
		return 0;
	return ask_steps(p, &record, ret);
}

static void leave_out(struct chain_pass *p, const struct batch_item *item, enum step_answer answer)
{
	batch_leave_out(p->out, item, answer == STEP_FOLD);
}

/* Adds the request that is looked at, as `e` has it, to `out` or to the batch aside. */
static int add_edited(struct chain_pass *p, const struct otlp_edit *e, struct batch *to)
{
	struct batch_item edited = p->in->items[p->at];
	char *room = NULL;

	if (e->size <= UINT32_MAX)
		room = to == p->out ? out_room(p, e->size) : batch_block(to, e->size);
	if (!room)
		return -ENOMEM;
	otlp_edit_write(e, room);
	edited.data = room;
	edited.size = (uint32_t)e->size;
	edited.records = (uint32_t)e->kept;
	return batch_add(to, &edited);
}

static int look_at_request(struct chain_pass *p)
{
	const struct batch_item *item = &p->in->items[p->at];
	struct chain *c = p->chain;
	struct record record = record_of(p, NULL, item);
	bool stays;

	record.request = c->request;
	stays = chain_spans_look(c->rows, c->count, &record, item, c->aside ? &c->sampled : NULL);
	p->asides = c->sampled.left_out > 0;
	p->missed += c->sampled.unknown;
	p->answer = stays ? STEP_KEEP : STEP_DROP;
	p->changed = !stays || otlp_edit_changed(c->request);
	return 0;
}

/* One more item of the batch aside. Otherwise there is no room. */
static int add_aside(struct chain_pass *p)
{
	if (!p->aside)
		p->aside = batch_new(p->in->budget, p->in->signal);
	return p->aside ? add_edited(p, p->chain->aside, p->aside) : -ENOMEM;
}

/* What sampling left out of the request that was looked at. It never holds up what goes on. */
static void put_aside(struct chain_pass *p)
{
	const struct batch_item *item = &p->in->items[p->at];
	struct chain *c = p->chain;
	struct record record = record_of(p, NULL, item);
	int left;

	p->asides = false;
	record.request = c->aside;
	left = chain_spans_look_aside(c->rows, c->count, &record, item, &c->sampled);
	if (left < 0)
		p->missed += c->sampled.left_out;
	else if (left > 0 && add_aside(p) < 0)
		p->missed += c->aside->kept;
}

/* What is left of the request that was looked at. */
static int put_request(struct chain_pass *p, const struct batch_item *item)
{
	struct batch_item gone = *item;
	int failed = 0;

	if (p->answer == STEP_KEEP) {
		gone.records = (uint32_t)p->chain->request->dropped;
		gone.size = (uint32_t)p->chain->request->dropped_bytes;
		failed = add_edited(p, p->chain->request, p->out);
	}
	if (gone.records > 0)
		leave_out(p, &gone, STEP_DROP);
	return failed;
}

static int look_at_line(struct chain_pass *p)
{
	int failed = look_at(p, &p->in->items[p->at], &p->answer);

	p->changed = p->answer != STEP_KEEP || p->chain->edit->changed;
	return failed;
}

static int put_line(struct chain_pass *p, const struct batch_item *item)
{
	if (p->answer == STEP_KEEP)
		return write_item(p, item);
	leave_out(p, item, p->answer);
	return 0;
}

/* Whether there could ever be: the pass has its batch, and what it has made of it, all the time. */
static int no_room(const struct chain_pass *p, size_t wanted)
{
	size_t most = budget_most(p->in->budget, p->in->signal);
	size_t has = p->in->charged + (p->out ? p->out->charged : 0);

	return has + wanted > most - most / 8 ? -EMSGSIZE : -ENOMEM;
}

/* Steps find their memory taken before they begin. */
static int look(struct chain_pass *p)
{
	size_t size = p->in->items[p->at].size, scratch = size > STEP_LINE_LONG ? size * p->chain->scratch : 0;
	int failed;

	if (scratch > 0 && !budget_take(p->in->budget, p->in->signal, scratch))
		return no_room(p, scratch);
	p->scratch = scratch;
	failed = p->in->signal == SIGNAL_TRACES ? look_at_request(p) : look_at_line(p);
	p->looked = true;
	return !failed && p->changed && !p->out ? begin_out(p) : failed;
}

/* The item after those that `out` has. */
static int put(struct chain_pass *p)
{
	const struct batch_item *item = &p->in->items[p->copied];
	bool changed = p->copied == p->at && p->changed;
	int failed = 0;

	if (!changed)
		failed = copy_item(p, item);
	else
		failed = p->in->signal == SIGNAL_TRACES ? put_request(p, item) : put_line(p, item);
	p->ahead -= item->size;
	p->copied++;
	return failed;
}

/* What the steps needed for the line that was looked at goes back. */
static void forget_line(struct chain_pass *p)
{
	json_edit_end(p->chain->edit);
	if (p->scratch > 0)
		budget_give(p->in->budget, p->in->signal, p->scratch);
	p->scratch = 0;
	p->looked = false;
}

/* One item is looked at, or put into `out`. */
static int pass_on(struct chain_pass *p, size_t *used)
{
	int failed = 0;

	if (!p->looked) {
		*used += p->in->items[p->at].size;
		failed = look(p);
	} else if (p->asides) {
		*used += p->in->items[p->at].size;
		put_aside(p);
	} else if (p->out) {
		*used += p->in->items[p->copied].size;
		failed = put(p);
	}
	if (failed || p->asides || (p->out && p->copied <= p->at))
		return failed;
	p->at++;
	forget_line(p);
	return 0;
}

static bool only_reads(const struct chain *c)
{
	return c->count == 1 && c->rows[0].type->read;
}

size_t chain_slice(const struct chain *c)
{
	return only_reads(c) ? READ_SLICE : SLICE;
}

/* The only step reads on in the item at hand. */
static void read_on(struct chain_pass *p, size_t *used, size_t bytes)
{
	const struct batch_item *item = &p->in->items[p->at];
	const struct chain_row *row = p->chain->rows;
	struct record record = record_of(p, NULL, item);
	size_t left = bytes - *used;

	p->at += !row->type->read(row->step, &record, (struct bytes){ item->data, item->size }, &left);
	*used = bytes - left;
}

/* Whether the batch is taken is not known yet. */
static void take_notes(struct chain *c, struct batch *batch)
{
	for (size_t i = 0; i < c->count; i++) {
		struct batch_note *note = c->rows[i].type->note ? c->rows[i].type->note(c->rows[i].step) : NULL;
		if (note)
			batch_note_add(batch, note);
	}
}

static void end_batch(struct chain *c, bool taken)
{
	for (size_t i = 0; i < c->count; i++) {
		struct chain_row *row = &c->rows[i];
		if (taken)
			*row->dropped += row->pending;
		row->pending = 0;
		if (row->type->ended)
			row->type->ended(row->step, taken);
	}
	otlp_edit_forget(c->request);
	if (c->aside)
		otlp_edit_forget(c->aside);
}

static void replace(struct batch **batch, struct chain_pass *p)
{
	end_block(p);
	batch_take_tokens(p->out, *batch);
	batch_free(*batch);
	*batch = p->out;
}

bool chain_is_free(struct chain *c)
{
	c->wanted = c->wanted || c->busy;
	return !c->busy;
}

bool chain_was_wanted(struct chain *c)
{
	bool wanted = c->wanted;

	c->wanted = false;
	return wanted;
}

struct chain_pass *chain_begin(struct chain *c, const struct batch *batch, uint64_t stream, struct mono_time now)
{
	struct chain_pass *p = oxp_new(sizeof *p);

	OXP_ASSERT(!c->busy);
	c->busy = true;
	*p = (struct chain_pass){ .chain = c, .in = batch, .stream = stream, .now = now };
	return p;
}

int chain_go_on(struct chain_pass *p, size_t bytes)
{
	size_t used = 0;
	int failed = 0;

	while (p->at < p->in->count && used < bytes && !failed)
		if (only_reads(p->chain))
			read_on(p, &used, bytes);
		else
			failed = pass_on(p, &used);
	if (failed)
		return failed;
	return p->at < p->in->count ? 1 : end_run(p);
}

static void hand_over(struct chain_pass *p, struct batch **batch)
{
	if (p->out)
		replace(batch, p);
	batch_set_aside(*batch, p->aside);
	if (p->missed > 0)
		*p->chain->missed += p->missed;
	take_notes(p->chain, *batch);
}

static void throw_away(struct chain_pass *p)
{
	batch_free(p->out);
	batch_free(p->aside);
}

void chain_end(struct chain_pass *p, bool taken, struct batch **batch)
{
	p->chain->busy = false;
	forget_line(p);
	if (taken)
		hand_over(p, batch);
	else
		throw_away(p);
	end_batch(p->chain, taken);
	free(p);
}

int chain_run(struct chain *c, struct batch **batch, uint64_t stream, struct mono_time now)
{
	struct chain_pass *p = chain_begin(c, *batch, stream, now);
	int failed = chain_go_on(p, SIZE_MAX);

	chain_end(p, failed == 0, batch);
	return failed;
}
