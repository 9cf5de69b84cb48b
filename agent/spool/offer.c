#include "spool/offer.h"

#include <stdlib.h>

#include "spool/rows.h"
#include "spool/world.h"

struct offer {
	struct source *source;
	struct batch *batch;
	struct rows *rows;
	size_t charged;
	struct batch_row *ids; /* of all routes, the same number for each */
	size_t id_count;
	bool leaves; /* it goes no farther than the disk */
	void (*done)(void *, int failed);
	void *context;
};

/* Nothing else holds the batch. Once the pipeline has ended, nobody will read it again. */
static void take_without_rows(struct source *s, struct batch **batch)
{
	if (!s->abandoned) {
		source_take(s, batch);
		return;
	}
	source_lost(s, batch_records(*batch), batch_size(*batch));
	batch_free(*batch);
	*batch = NULL;
}

static void on_committed(void *context, int failed)
{
	struct offer *o = context;
	struct source *s = o->source;

	source_waited(s);
	for (size_t i = 0; i < o->id_count && !failed && !o->leaves; i++) {
		batch_row_add(o->batch, o->ids[i].route, o->ids[i].id);
		spool_know(source_row(s, o->ids[i].route), o->ids[i].id + 1);
	}
	if (failed && o->done)
		batch_free(o->batch);
	else if (failed)
		take_without_rows(s, &o->batch);
	else if (o->leaves)
		source_left(s, &o->batch);
	else
		source_take(s, &o->batch);
	rows_free(o->rows);
	budget_give(s->world->budget, s->options.signal, o->charged);
	if (o->done)
		o->done(o->context, failed);
	free(o->ids);
	free(o);
}

static void commit(struct state *state, struct offer *o)
{
	struct state_change *change = state_change_new();
	size_t routes = source_routes(o->source), rows;
	char key[STATE_KEY_MAX];

	o->rows = rows_of_batch(o->batch);
	rows = rows_count(o->rows);
	o->id_count = rows * routes;
	o->ids = oxp_new(o->id_count * sizeof *o->ids);
	for (size_t i = 0; i < o->id_count; i++)
		o->ids[i].route = i / rows;
	for (size_t i = 0; i < routes; i++) {
		ledger_key(source_row(o->source, i), key, sizeof key);
		rows_put(o->rows, change, key, o->ids + i * rows);
	}
	source_wait(o->source);
	state_commit(state, &change, on_committed, o);
}

/* Nothing is left of it to write: steps have dropped all. */
static void take_empty(struct offer *o)
{
	if (o->leaves)
		source_left(o->source, &o->batch);
	else
		source_take(o->source, &o->batch);
	if (o->done)
		o->done(o->context, 0);
}

/* Of `like`, which is copied, the batch is yet to be taken. */
static enum admit offer(struct state *state, const struct offer *like, struct batch **batch)
{
	struct source *s = like->source;
	size_t cost = rows_cost(batch_items(*batch)); /* steps never add items */
	struct offer *o;
	enum admit admit;

	if (!budget_take(s->world->budget, s->options.signal, cost))
		return ADMIT_FULL;
	admit = source_prepare(s, batch);
	if (admit != ADMIT_TAKEN || batch_items(*batch) == 0)
		budget_give(s->world->budget, s->options.signal, cost);
	if (admit != ADMIT_TAKEN)
		return admit;
	o = oxp_new(sizeof *o);
	*o = *like;
	o->batch = *batch;
	o->charged = cost;
	*batch = NULL;
	if (batch_items(o->batch) > 0) {
		commit(state, o);
		return ADMIT_TAKEN;
	}
	take_empty(o);
	free(o);
	return ADMIT_TAKEN;
}

enum admit offer_to_disk(
	struct state *state, struct source *s, struct batch **batch, void (*done)(void *, int failed), void *context)
{
	return offer(state, &(struct offer){ .source = s, .done = done, .context = context }, batch);
}

enum admit offer_and_leave(
	struct state *state, struct source *s, struct batch **batch, void (*done)(void *, int failed), void *context)
{
	return offer(state, &(struct offer){ .source = s, .leaves = true, .done = done, .context = context }, batch);
}
