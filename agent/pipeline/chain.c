#include "pipeline/chain.h"

#include <errno.h>
#include <stdlib.h>

enum { BLOCK = 64 << 10 };

struct chain *chain_new(void)
{
	struct chain *c = oxp_new(sizeof *c);

	c->edit = json_edit_new(json_scan_best(), STEP_SCRATCH_MAX);
	c->closing = json_edit_new(json_scan_best(), STEP_SCRATCH_MAX);
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
 * One batch on its way through. `out` is there from the first line on that is not as it was; then it holds all that
 * stays, in blocks of its own: for a few lines a copy costs less than to keep both memories.
 */
struct pass {
	struct chain *chain;
	const struct batch *in;
	struct batch *out;
	uint64_t stream;
	struct mono_time now;
	size_t ahead; /* bytes of `in` that are not looked at yet */
	char *block; /* the newest */
	size_t used, room;
	const struct chain_row *folding; /* its run is open, and the last of `out` stands for it; or NULL */
	bool stands; /* the last record that a step might fold into was kept */
};

/* The newest block gives back what it does not need. */
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

/* Items before `end` are as they were. */
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

/* The edited line in memory of `out`; NULL: no room. */
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

/* The run of a step is over: its record, the last one so far, says so. */
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
	end_block(p); /* the line that is read now must not move under the one that is written */
	item = &p->out->items[p->out->count - 1];
	record = record_of(p, edit, item);
	if (json_edit_begin(edit, (struct bytes){ item->data, item->size }) != JSON_FINE)
		return 0;
	row->type->folded(row->step, &record);
	to = write_line(p, edit, &size);
	return to ? batch_replace_last(p->out, to, size) : -ENOMEM;
}

/* A step that folds is asked first: what it says of the run before must not be forgotten yet. */
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

/* The first step that will not have it ends it. */
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
	int failed = 0;

	for (size_t i = 0; i < p.in->count && !failed; i++)
		failed = pass_item(&p, i);
	if (!failed)
		failed = end_run(&p);
	end_batch(c, !failed);
	if (failed)
		batch_free(p.out);
	else if (p.out)
		replace(batch, &p);
	return failed;
}
