#include "pipeline/chain.h"

#include <errno.h>
#include <stdlib.h>

enum { BLOCK = 64 << 10 };

struct chain *chain_new(void)
{
	struct chain *c = oxp_new(sizeof *c);

	c->edit = json_edit_new(json_scan_best(), STEP_SCRATCH_MAX);
	return c;
}

void chain_free(struct chain *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		c->rows[i].type->destroy(c->rows[i].step);
	json_edit_free(c->edit);
	free(c);
}

int chain_add(struct chain *c, const struct step_type *type, struct step *step, uint64_t *dropped)
{
	if (c->count == STEPS_MAX)
		return -ENOSPC;
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
	struct mono_time now;
	size_t ahead; /* bytes of `in` that are not looked at yet */
	char *block; /* the newest */
	size_t used, room;
	size_t first; /* item of `out` in it */
};

/* The newest block gives back what it does not need; that may move it. */
static void end_block(struct pass *p)
{
	char *moved;

	if (!p->block)
		return;
	moved = batch_block_trim(p->out, p->used);
	for (size_t i = p->first; moved != p->block && i < p->out->count; i++)
		p->out->items[i].data = moved + (p->out->items[i].data - p->block);
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
		p->first = p->out->count;
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

static int write_item(struct pass *p, const struct batch_item *item)
{
	struct batch_item edited = *item;
	size_t size = json_edit_size(p->chain->edit);
	char *to = size <= UINT32_MAX ? out_room(p, size) : NULL;

	if (!to)
		return -ENOMEM;
	json_edit_write(p->chain->edit, to);
	edited.data = to;
	edited.size = (uint32_t)size;
	return batch_add(p->out, &edited);
}

/* The first step that will not have it ends it. */
static enum step_answer ask_steps(struct chain *c, struct record *record)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->rows[i].type->apply(c->rows[i].step, record) == STEP_DROP) {
			c->rows[i].pending++;
			return STEP_DROP;
		}
	return STEP_KEEP;
}

static enum step_answer look_at(struct pass *p, const struct batch_item *item)
{
	struct json_edit *edit = p->chain->edit;
	struct record record = { .edit = edit, .generation = item->generation, .offset = item->offset, .now = p->now };

	if (json_edit_begin(edit, (struct bytes){ item->data, item->size }) != JSON_FINE)
		return STEP_DROP;
	return ask_steps(p->chain, &record);
}

static int pass_item(struct pass *p, size_t i)
{
	const struct batch_item *item = &p->in->items[i];
	enum step_answer answer = look_at(p, item);
	bool changed = answer == STEP_DROP || p->chain->edit->changed;
	int failed = changed ? begin_out(p, i) : 0;

	if (failed || !p->out)
		return failed;
	if (answer == STEP_DROP) {
		p->out->dropped_records += item->records;
		p->out->dropped_bytes += item->size;
	} else {
		failed = changed ? write_item(p, item) : copy_item(p, item);
	}
	p->ahead -= item->size;
	return failed;
}

static void settle(struct chain *c, bool taken)
{
	for (size_t i = 0; i < c->count; i++) {
		struct chain_row *row = &c->rows[i];
		if (taken)
			*row->dropped += row->pending;
		row->pending = 0;
		if (row->type->settle)
			row->type->settle(row->step, taken);
	}
}

static void replace(struct batch **batch, struct pass *p)
{
	end_block(p);
	batch_take_tokens(p->out, *batch);
	batch_free(*batch);
	*batch = p->out;
}

int chain_run(struct chain *c, struct batch **batch, struct mono_time now)
{
	struct pass p = { .chain = c, .in = *batch, .now = now };
	int failed = 0;

	for (size_t i = 0; i < p.in->count && !failed; i++)
		failed = pass_item(&p, i);
	settle(c, !failed);
	if (failed)
		batch_free(p.out);
	else if (p.out)
		replace(batch, &p);
	return failed;
}
