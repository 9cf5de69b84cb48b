#include "spool/offer.h"

#include <stdlib.h>

#include "pipeline/prepare.h"
#include "spool/rows.h"
#include "spool/world.h"

struct offer {
	struct state *state;
	struct source *source;
	struct batch *batch;
	struct rows *rows;
	size_t charged;
	struct batch_row *ids; /* of all routes, the same number for each */
	size_t id_count;
	bool leaves; /* it goes no farther than the disk */
	struct restores *behind; /* and comes back from there behind what these read; NULL: it does not */
	void (*done)(void *, int failed);
	void *context;
};

static void lose(struct source *s, struct batch **batch)
{
	source_lost(s, batch_records(*batch), batch_size(*batch));
	batch_free(*batch);
	*batch = NULL;
}

/* Nothing else holds the batch. Once the pipeline has ended, nobody will read it again. */
static void take_without_rows(struct source *s, struct batch **batch)
{
	if (!s->abandoned) {
		source_take(s, batch);
		return;
	}
	lose(s, batch);
}

/* On its way to the destinations, or left to the next start. */
static void hand_on(struct offer *o)
{
	if (o->leaves)
		source_left(o->source, &o->batch);
	else
		source_take(o->source, &o->batch);
}

static void end(struct offer *o, int failed)
{
	struct source *s = o->source;

	rows_free(o->rows);
	budget_give(s->world->budget, s->options.signal, o->charged);
	if (o->done)
		o->done(o->context, failed);
	free(o->ids);
	free(o);
}

/* What reads the rows counts from now on with its own, and this run has received it. */
static void go_behind(const struct offer *o, int failed)
{
	uint64_t last = failed || o->id_count == 0 ? 0 : o->ids[o->id_count - 1].id;

	restores_written(o->behind, o->source, last);
	if (last)
		spool_know(source_row(o->source, 0), last + 1);
}

static void on_committed(void *context, int failed)
{
	struct offer *o = context;
	struct source *s = o->source;

	source_waited(s);
	if (o->behind)
		go_behind(o, failed);
	for (size_t i = 0; i < o->id_count && !failed && !o->leaves; i++) {
		batch_row_add(o->batch, o->ids[i].route, o->ids[i].id);
		spool_know(source_row(s, o->ids[i].route), o->ids[i].id + 1);
	}
	if (failed && o->done)
		batch_free(o->batch);
	else if (failed && o->behind)
		lose(s, &o->batch); /* on its way at once, it would be out of order */
	else if (failed)
		take_without_rows(s, &o->batch);
	else
		hand_on(o);
	end(o, failed);
}

static void commit(struct offer *o)
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
	if (o->behind)
		restores_await(o->behind, o->source);
	state_commit(o->state, &change, on_committed, o);
}

/* If steps have dropped all of it, there is nothing to write. */
static void on_prepared(void *context, int failed, struct batch *batch)
{
	struct offer *o = context;

	o->batch = batch;
	if (failed) {
		end(o, failed);
	} else if (batch_items(batch) == 0) {
		hand_on(o);
		end(o, 0);
	} else {
		commit(o);
	}
}

/* Of `like`, which is copied, the batch is yet to be taken. Only an offer with done() can wait for steps. */
static enum admit offer(const struct offer *like, struct batch **batch)
{
	struct source *s = like->source;
	size_t cost = rows_cost(batch_items(*batch)); /* steps never add items */
	struct offer *o;
	enum admit admit;

	if (!budget_take(s->world->budget, s->options.signal, cost))
		return ADMIT_FULL;
	o = oxp_new(sizeof *o);
	*o = *like;
	o->charged = cost;
	admit = o->done && !o->leaves ? source_prepare_long(s, batch, on_prepared, o, o->context)
				      : source_prepare(s, batch);
	if (admit == ADMIT_WAITS)
		return ADMIT_TAKEN;
	if (admit == ADMIT_TAKEN) {
		struct batch *prepared = *batch;
		*batch = NULL; /* where it stands may be gone with the next call */
		on_prepared(o, 0, prepared);
		return ADMIT_TAKEN;
	}
	budget_give(s->world->budget, s->options.signal, cost);
	free(o);
	return admit;
}

enum admit offer_to_disk(
	struct state *state, struct source *s, struct batch **batch, void (*done)(void *, int failed), void *context)
{
	return offer(&(struct offer){ .state = state, .source = s, .done = done, .context = context }, batch);
}

enum admit offer_behind(struct state *state, struct restores *restores, struct source *s, struct batch **batch)
{
	return offer(&(struct offer){ .state = state, .source = s, .leaves = true, .behind = restores }, batch);
}

enum admit offer_and_leave(
	struct state *state, struct source *s, struct batch **batch, void (*done)(void *, int failed), void *context)
{
	return offer(&(struct offer){ .state = state, .source = s, .leaves = true, .done = done, .context = context },
		batch);
}
