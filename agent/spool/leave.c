#include "spool/leave.h"

#include <stdlib.h>

#include "spool/rows.h"

enum {
	CHANGE_BYTES = 2048, /* what a change takes besides its payload */
	UNDER_WAY_MIN = 1 << 20,
	UNDER_WAY_PART = 8, /* part of `memory` that may be on its way to the disk; a small part means many commits */
};

static void go_on(void *context)
{
	struct leave *l = context;

	if (l->world->phase == SPOOL_ENDING)
		leave_end(l);
	else
		leave_save(l);
}

void leave_init(struct leave *l, const struct spool_world *world, void (*left)(void *context), void *context)
{
	*l = (struct leave){ .world = world, .left = left, .context = context };
	loop_soon_init(&l->on, world->options.loop, go_on, l);
}

void leave_done(struct leave *l)
{
	loop_soon_done(&l->on);
	lasting_done(&l->lasting);
}

/* The most bytes that may be on their way to the disk at a time. */
static size_t under_way_most(const struct leave *l)
{
	size_t part = l->world->options.memory / UNDER_WAY_PART;

	return part > UNDER_WAY_MIN ? part : UNDER_WAY_MIN;
}

/* Records that could not be written, and are nowhere else. */
struct lost {
	struct deliveries *of;
	size_t route;
	const struct rows *rows;
	uint64_t records;
};

/* Of a file that the next run will not find: the saved ledger counts them, and the collector says which file it was. */
static void tell_lost(void *context, uint64_t generation, const struct ledger_amount *amount)
{
	const struct lost *lost = context;

	deliveries_not_left(lost->of, lost->route, amount);
	if (lost->of->hooks->lost)
		lost->of->hooks->lost(lost->of->context, generation, amount);
}

static void lose(struct leave *l, int failed, struct lost *lost)
{
	if (l->lost == 0)
		log_error(l->world->options.log, "spool", "not everything could be written to disk: %s",
			strerror(-failed));
	l->lost += lost->records;
	if (lost->of->rewind != REWIND_NONE)
		rows_each(lost->rows, tell_lost, lost);
}

/* While destinations still get requests. */

/*
 * What is left of one delivery for one route. The delivery is held until it is on disk. From then on it is in the
 * spool, like records that a door put there.
 */
struct saving {
	struct leave *leave;
	struct delivery *delivery;
	size_t route;
	const struct batch *batch;
	struct rows *rows, **last;
	struct batch_row *ids;
	size_t id_count, bytes;
	uint64_t records;
};

/* Tells the books that they count the rows below `up_to`. They count all rows while some are on their way, and once the
 * end has begun to write what is left. */
static void know_saved(const struct leave *l, const struct route *route, uint64_t up_to)
{
	bool all = route->saving > 0 || l->world->phase == SPOOL_ENDING;

	ledger_set_spooled_to(route->row, all ? UINT64_MAX : up_to);
}

static void tell_unsaved(struct leave *l, const struct saving *v, int failed)
{
	if (l->world->phase == SPOOL_ENDING)
		lose(l, failed, &(struct lost){ v->delivery->of, v->route, v->rows, v->records });
	else if (!l->unsaved)
		log_warn(l->world->options.log, "spool",
			"what is not delivered yet could not be written to disk: %s; trying again at the end",
			strerror(-failed));
	l->unsaved = true;
}

static void on_saved(void *context, int failed)
{
	struct saving *v = context;
	struct leave *l = v->leave;
	struct delivery *delivery = v->delivery;

	delivery_saved(delivery, v->route, v->ids, failed ? 0 : v->id_count);
	l->bytes -= v->bytes;
	know_saved(l, &delivery->of->routes[v->route], failed ? UINT64_MAX : v->ids[v->id_count - 1].id + 1);
	if (failed)
		tell_unsaved(l, v, failed);
	batch_unkeep(v->batch);
	rows_free(v->rows);
	delivery_settled(delivery, v->route);
	free(v->ids);
	free(v);
	loop_soon_run(&l->on);
}

static struct saving *saving_new(struct leave *l, const struct send *send)
{
	struct saving *v = oxp_new(sizeof *v);

	*v = (struct saving){
		.leave = l, .delivery = send->delivery, .route = send->route, .batch = batch_keep(send->delivery->batch)
	};
	v->last = &v->rows;
	delivery_save(v->delivery, v->route);
	return v;
}

static void save_end(struct leave *l)
{
	struct saving *v = l->saving;
	struct state_change *change;
	const struct route *route;
	char key[STATE_KEY_MAX];
	size_t at = 0;

	l->saving = NULL;
	if (!v)
		return;
	route = &v->delivery->of->routes[v->route];
	for (const struct rows *r = v->rows; r; r = r->next)
		v->id_count += rows_count(r);
	v->ids = oxp_new(v->id_count * sizeof *v->ids);
	for (size_t i = 0; i < v->id_count; i++)
		v->ids[i].route = v->route;
	change = state_change_new();
	ledger_key(route->row, key, sizeof key);
	for (const struct rows *r = v->rows; r; at += rows_count(r), r = r->next)
		rows_put(r, change, key, v->ids + at);
	know_saved(l, route, 0);
	l->bytes += v->bytes;
	state_commit(l->world->options.state, &change, on_saved, v);
}

static bool is_filled_by(const struct saving *v, const struct send *send)
{
	return v && v->delivery == send->delivery && v->route == send->route;
}

/* Pieces of a delivery for a route are consecutive in the queue. */
static void save_send(void *context, const struct send *send)
{
	struct leave *l = context;
	const struct delivery *delivery = send->delivery;
	const struct portion ours = lasting_ours(&l->lasting, send);
	bool more = is_filled_by(l->saving, send);
	struct rows *rows;

	if (ours.items == 0 || delivery_has_rows(delivery, send->route))
		return;
	if (!more)
		save_end(l);
	if (!more && (delivery_is_saving(delivery, send->route) || l->bytes >= under_way_most(l)))
		return;
	if (!l->saving)
		l->saving = saving_new(l, send);
	rows = rows_of_send(send, &l->lasting, ours.items);
	*l->saving->last = rows;
	l->saving->last = &rows->next;
	l->saving->bytes += rows_cost(ours.items) + CHANGE_BYTES;
	l->saving->records += ours.amount.records;
}

void leave_save(struct leave *l)
{
	if (l->world->phase != SPOOL_SAVING || l->unsaved)
		return;
	if (!lasting_look(&l->lasting, l->world->options.pipeline)) {
		loop_soon_run(&l->on);
		return;
	}
	lasting_ask(&l->lasting, l->world->options.pipeline);
	pipeline_visit(l->world->options.pipeline, save_send, l);
	save_end(l);
}

/* At the end. */

/*
 * What is left of one delivery for one route. It is written as a whole or not at all, whatever happens to others. If it
 * has rows already and was delivered in part, it is written again, and the same change deletes the old rows.
 */
struct leaving {
	struct leave *leave;
	const struct delivery *delivery;
	size_t route;
	struct state_change *change;
	struct rows *rows;
	uint64_t records; /* records that are nowhere else */
	size_t bytes; /* of memory, roughly */
};

static void on_left(void *context, int failed)
{
	struct leaving *k = context;
	struct leave *l = k->leave;

	if (failed && k->records)
		lose(l, failed, &(struct lost){ k->delivery->of, k->route, k->rows, k->records });
	l->bytes -= k->bytes;
	l->commits--;
	rows_free(k->rows);
	free(k);
	loop_soon_run(&l->on);
	l->world->options.committed(l->world->options.context);
}

static void leave_commit(struct leave *l)
{
	struct leaving *k = l->leaving;

	if (!k)
		return;
	l->leaving = NULL;
	l->commits++;
	l->bytes += k->bytes;
	state_commit(l->world->options.state, &k->change, on_left, k);
}

static struct leaving *leaving_new(struct leave *l, const struct send *send)
{
	const struct delivery *delivery = send->delivery;
	struct leaving *k = oxp_new(sizeof *k);

	*k = (struct leaving){ .leave = l, .delivery = delivery, .route = send->route, .change = state_change_new() };
	for (size_t i = 0; i < delivery->row_count; i++)
		if (delivery->rows[i].route == send->route)
			state_change_unspool(k->change, delivery->rows[i].id);
	return k;
}

/* Adds what is left of a send to the change, as rows. */
static void add_send(struct leaving *k, const struct send *send, const struct portion *ours)
{
	const struct delivery *delivery = send->delivery;
	struct ledger_row *row = delivery->of->routes[send->route].row;
	struct rows *rows = rows_of_send(send, &k->leave->lasting, ours->items);
	char key[STATE_KEY_MAX];

	rows->next = k->rows;
	k->rows = rows;
	ledger_key(row, key, sizeof key);
	rows_put(rows, k->change, key, NULL);
	k->bytes += rows_cost(ours->items) + CHANGE_BYTES;
	k->records += delivery_has_rows(delivery, send->route) ? 0 : ours->amount.records;
	spool_know(row, UINT64_MAX);
}

/* Whether the send needs no writing: it can be read again, it is in rows that stay as they are, or in a commit on its
 * way. The rows of a delivery that can be read again in part may have too little by now, or too much. */
static bool is_on_disk(const struct send *send, const struct portion *ours)
{
	const struct delivery *delivery = send->delivery;

	if (delivery_is_saving(delivery, send->route))
		return true;
	if (!delivery_has_rows(delivery, send->route))
		return ours->items == 0;
	return send->left == delivery->batch->count && (delivery->of->rewind == REWIND_NONE || delivery->restored);
}

/* Parts of a delivery for a route are consecutive in their sender's queue. Returns false, and does nothing, if the disk
 * has enough to do. */
static bool leave_send(struct leave *l, const struct send *send)
{
	const struct portion ours = lasting_ours(&l->lasting, send);
	size_t bytes = rows_cost(ours.items) + CHANGE_BYTES;

	if (l->leaving && (l->leaving->delivery != send->delivery || l->leaving->route != send->route))
		leave_commit(l);
	if (is_on_disk(send, &ours))
		return true;
	if (l->bytes > 0 && l->bytes + bytes > under_way_most(l) && !l->hurried)
		return false;
	if (!l->leaving)
		l->leaving = leaving_new(l, send);
	add_send(l->leaving, send, &ours);
	return true;
}

/* What was delivered of it before the end does not come again, so the saved ledger counts it. The rest is in rows. */
static void settle_part(const struct delivery *d)
{
	for (size_t i = 0; i < d->of->route_count; i++)
		ledger_settle(d->of->routes[i].row, &d->parts[i].terms, d->restored);
}

static void settle_parts(struct leave *l)
{
	const struct delivery *d;
	const struct source *s;

	TAILQ_FOREACH(s, &l->world->options.pipeline->sources, entry) {
		if (s->options.rewind == REWIND_NONE || !s->deliveries.hooks->lasting)
			continue;
		TAILQ_FOREACH(d, &s->deliveries.list, entry)
			if (d->batch && lasting_has_none_of(&l->lasting, d->batch))
				settle_part(d);
	}
}

/* False: there is more to find out, which goes on by itself. If the disk is slow, that is not waited for. */
static bool ask(struct leave *l)
{
	if (!l->hurried && !lasting_look(&l->lasting, l->world->options.pipeline)) {
		loop_soon_run(&l->on);
		return false;
	}
	lasting_ask(&l->lasting, l->world->options.pipeline);
	l->asked = true;
	return true;
}

void leave_end(struct leave *l)
{
	struct pipeline *p = l->world->options.pipeline;
	const struct send *send;

	if (l->told)
		return;
	if (!l->ending)
		lasting_forget(&l->lasting);
	l->ending = true;
	if (!l->asked && !ask(l))
		return;
	while ((send = pipeline_left(p))) {
		if (!leave_send(l, send))
			return;
		pipeline_give_up(p, true);
	}
	leave_commit(l);
	settle_parts(l);
	l->told = true;
	l->left(l->context);
}

void leave_hurry(struct leave *l)
{
	l->hurried = true;
	leave_end(l);
}
