#include "pipeline/chain.h"

#include <errno.h>
#include <stdlib.h>

#include "pipeline/chain_spans.h"

enum { BLOCK = 64 << 10 };

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
	free(c);
}

int chain_add(struct chain *c, const struct step_type *type, struct step *step, uint64_t *dropped)
{
	if (c->count == STEPS_MAX)
		return -ENOSPC;
	for (size_t i = 0; i < c->count && type->folds; i++)
		if (c->rows[i].type->folds)
			return -EEXIST;
	c->rows[c->count++] = (struct chain_row){ .type = type, .step = step, .dropped = dropped };
	return 0;
}

/*
 * One batch on its way through the chain. `out` is created at the first line that changes. From then on it holds every
 * line that stays, in its own blocks: copying a few unchanged lines costs less than keeping both memories.
 */
struct pass {
	struct chain *chain;
	const struct batch *in;
	struct batch *out;
	uint64_t stream;
	struct mono_time now;
	size_t ahead; /* bytes of `in` that are still to be read */
	char *block; /* the newest block of `out` */
	size_t used, room;
	const struct chain_row *folding; /* the step whose run is open (its record is the last of `out`), or NULL */
	bool stands; /* the last record that lines could be folded into was kept */
};

/* Gives back the unused end of the newest block. */
static void end_block(struct pass *p)
{
	if (p->block && batch_block_trim(p->out, p->used))
		p->block = NULL;
	p->room = p->used = 0;
}

static char *out_room(struct pass *p, size_t size)
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

static int copy_item(struct pass *p, const struct batch_item *item)
{
	struct batch_item copy = *item;
	char *to = out_room(p, item->size);

	if (!to)
		return -ENOMEM;
	memcpy(to, item->data, item->size);
	copy.data = to;
	return batch_add(p->out, &copy);
}

/* Creates `out` with the items before `end`, which no step changed. */
static int begin_out(struct pass *p, size_t end)
{
	int failed = 0;

	if (p->out)
		return 0;
	p->out = batch_new(p->in->budget, p->in->signal);
	if (!p->out)
		return -ENOMEM;
	p->ahead = p->in->size;
	for (size_t i = 0; i < end && !failed; i++) {
		failed = copy_item(p, &p->in->items[i]);
		p->ahead -= p->in->items[i].size;
	}
	return failed;
}

/* Writes the edited line to memory of `out`. Returns NULL if there is no room. */
static char *write_line(struct pass *p, const struct json_edit *edit, size_t *ret_size)
{
	char *to;

	*ret_size = json_edit_size(edit);
	to = *ret_size <= UINT32_MAX ? out_room(p, *ret_size) : NULL;
	if (to)
		json_edit_write(edit, to);
	return to;
}

static int write_item(struct pass *p, const struct batch_item *item)
{
	struct batch_item edited = *item;
	size_t size;

	edited.data = write_line(p, p->chain->edit, &size);
	edited.size = (uint32_t)size;
	return edited.data ? batch_add(p->out, &edited) : -ENOMEM;
}

static struct record record_of(const struct pass *p, struct json_edit *edit, const struct batch_item *item)
{
	return (struct record){ .edit = edit,
		.generation = p->stream ? p->stream : item->generation,
		.offset = item->offset,
		.now = p->now };
}

/* Ends the run of a step that folds: the step adds its count to the record of the run, the last one in `out`. */
static int end_run(struct pass *p)
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
	return to ? batch_replace_last(p->out, to, size) : -ENOMEM;
}

/* A step that folds is asked before it applies: the run before must be written before the step forgets it. */
static int ask_step(struct pass *p, struct chain_row *row, struct record *record, enum step_answer *ret)
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
static int ask_steps(struct pass *p, struct record *record, enum step_answer *ret)
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

static int look_at(struct pass *p, const struct batch_item *item, enum step_answer *ret)
{
	struct json_edit *edit = p->chain->edit;
	struct record record = record_of(p, edit, item);

	*ret = STEP_DROP;
	if (json_edit_begin(edit, (struct bytes){ item->data, item->size }) != JSON_FINE)
		return 0;
	return ask_steps(p, &record, ret);
}

static void leave_out(struct pass *p, const struct batch_item *item, enum step_answer answer)
{
	batch_leave_out(p->out, item, answer == STEP_FOLD);
}

static int pass_item(struct pass *p, size_t i)
{
	const struct batch_item *item = &p->in->items[i];
	enum step_answer answer;
	int failed = look_at(p, item, &answer);
	bool changed = answer != STEP_KEEP || p->chain->edit->changed;

	if (!failed && changed)
		failed = begin_out(p, i);
	if (failed || !p->out)
		return failed;
	if (answer != STEP_KEEP)
		leave_out(p, item, answer);
	else
		failed = changed ? write_item(p, item) : copy_item(p, item);
	p->ahead -= item->size;
	return failed;
}

/* Writes what is left of a request of spans to memory of `out`. */
static int write_request(struct pass *p, const struct batch_item *item)
{
	const struct otlp_edit *e = p->chain->request;
	struct batch_item edited = *item;
	char *to = e->size <= UINT32_MAX ? out_room(p, e->size) : NULL;

	if (!to)
		return -ENOMEM;
	otlp_edit_write(e, to);
	edited.data = to;
	edited.size = (uint32_t)e->size;
	edited.records = (uint32_t)e->kept;
	return batch_add(p->out, &edited);
}

static int pass_request(struct pass *p, size_t i)
{
	const struct batch_item *item = &p->in->items[i];
	struct record record = record_of(p, NULL, item);
	struct chain *c = p->chain;
	struct batch_item gone = *item;
	bool stays;
	int failed = 0;

	record.request = c->request;
	stays = chain_spans_look(c->rows, c->count, &record, item);
	if (!stays || otlp_edit_changed(c->request))
		failed = begin_out(p, i);
	if (failed || !p->out)
		return failed;
	if (stays) {
		gone.records = (uint32_t)c->request->dropped;
		gone.size = (uint32_t)c->request->dropped_bytes;
		failed = otlp_edit_changed(c->request) ? write_request(p, item) : copy_item(p, item);
	}
	if (gone.records > 0)
		leave_out(p, &gone, STEP_DROP);
	p->ahead -= item->size;
	return failed;
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
}

static void replace(struct batch **batch, struct pass *p)
{
	end_block(p);
	batch_take_tokens(p->out, *batch);
	batch_free(*batch);
	*batch = p->out;
}

int chain_run(struct chain *c, struct batch **batch, uint64_t stream, struct mono_time now)
{
	struct pass p = { .chain = c, .in = *batch, .stream = stream, .now = now };
	int (*pass)(struct pass *, size_t i) = p.in->signal == SIGNAL_TRACES ? pass_request : pass_item;
	int failed = 0;

	for (size_t i = 0; i < p.in->count && !failed; i++)
		failed = pass(&p, i);
	if (!failed)
		failed = end_run(&p);
	end_batch(c, !failed);
	if (failed)
		batch_free(p.out);
	else if (p.out)
		replace(batch, &p);
	return failed;
}
