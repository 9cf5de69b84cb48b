#include "pipeline/source.h"

#include <errno.h>
#include <stdlib.h>

#include "pipeline/sender.h"
#include "pipeline/shelf.h"

enum { OFFERS_MAX = 4096 }; /* in one batch */

/* Counts the records that steps left out of a batch. They end here for every destination. */
static void count_left_out(struct delivery *delivery)
{
	const struct left_out *dropped = &delivery->batch->dropped, *merged = &delivery->batch->merged;

	for (size_t i = 0; i < delivery->of->route_count; i++) {
		if (dropped->records > 0)
			delivery_count(delivery, i, LEDGER_DROPPED_STEP, dropped->records, dropped->bytes);
		if (merged->records > 0)
			delivery_count(delivery, i, LEDGER_MERGED, merged->records, merged->bytes);
	}
}

/* Nothing is left to send: the delivery settles as if every destination had taken it. */
static void settle_empty(struct delivery *delivery, size_t routes)
{
	for (size_t i = 0; i < routes; i++)
		delivery_settled(delivery, i);
}

/* Fan-out: seals the open batch, and gives each destination of the source a send of the one delivery that holds it. */
static void seal(struct source *s)
{
	size_t routes = source_routes(s);
	struct batch *batch = s->open;
	struct delivery *delivery;

	loop_timer_clear(&s->age);
	if (!batch)
		return;
	s->open = NULL;
	delivery = delivery_new(&s->deliveries, &batch, 0, routes);
	count_left_out(delivery);
	if (delivery->batch->count == 0) {
		settle_empty(delivery, routes);
		return;
	}
	shelf_add(s->world->shelf, delivery->batch);
	for (size_t i = 0; i < routes; i++)
		sender_push(s->deliveries.routes[i].sender, delivery, i);
}

static void on_age(void *context)
{
	seal(context);
}

struct source *source_new(const struct source_world *world, const struct source_options *o)
{
	struct source *s = oxp_new(sizeof *s);

	s->world = world;
	s->options = *o;
	deliveries_init(&s->deliveries, world->loop, o->rewind, o->hooks, o->context);
	loop_timer_init(&s->age, world->loop, on_age, s);
	return s;
}

static const char *signal_name(enum signal signal)
{
	return signal == SIGNAL_METRICS ? "metrics" : signal == SIGNAL_LOGS ? "logs" : "traces";
}

void source_route(struct source *s, struct sender *sender)
{
	const struct source_options *o = &s->options;
	struct ledger_row *row = NULL;

	OXP_ASSERT(!s->open);
	if (!o->uncounted) {
		row = ledger_row(s->world->ledger, signal_name(o->signal), o->name, sender->name);
		row->rewinds = o->rewind == REWIND_SAVED;
	}
	deliveries_route(&s->deliveries, sender, row);
}

void source_free(struct source *s)
{
	if (!s)
		return;
	loop_timer_done(&s->age);
	batch_free(s->open);
	deliveries_done(&s->deliveries);
	free(s);
}

size_t source_routes(const struct source *s)
{
	return s->deliveries.route_count;
}

struct ledger_row *source_row(const struct source *s, size_t route)
{
	OXP_ASSERT(route < source_routes(s));
	return s->deliveries.routes[route].row;
}

uint64_t source_lost_records(const struct source *s)
{
	return s->lost + s->deliveries.lost;
}

/*
 * A file is its own buffer, so lines that can be read again need not be held. Memory holds as much as could be under
 * way to the slowest destination, and one batch more. If a destination does not answer, that is little, whatever
 * `memory` allows.
 */
static bool is_backed_up(const struct source *s)
{
	size_t open = s->open ? s->open->size : 0;
	bool spare = budget_used(s->world->budget) < s->world->budget->limit / 2;

	if (s->options.rewind != REWIND_SAVED)
		return false;
	for (size_t i = 0; i < source_routes(s); i++)
		if (sender_is_backed_up(s->deliveries.routes[i].sender, open, s->options.limits.bytes, spare))
			return true;
	return false;
}

struct batch *source_batch_new(struct source *s)
{
	if (is_backed_up(s))
		return NULL;
	return batch_new(s->world->budget, s->options.signal);
}

bool source_others_hold_room(const struct source *s)
{
	bool busy = s->options.chain && s->options.chain->busy;

	return busy || is_backed_up(s) || budget_is_shared(s->world->budget);
}

/* The destination that is done first sets the pace: for the others it piles up, as for those that are away. */
bool source_has_enough(struct source *s)
{
	bool enough = false;

	for (size_t i = 0; i < source_routes(s); i++) {
		enum pacing_verdict verdict = sender_pace(s->deliveries.routes[i].sender);
		if (verdict == PACING_MORE)
			return false;
		enough |= verdict == PACING_ENOUGH;
	}
	return enough;
}

struct batch *source_leave_batch(struct source *s)
{
	return batch_new(s->world->budget, s->options.signal);
}

static bool is_full_batch(const struct source *s)
{
	const struct batch_limits *limits = &s->options.limits;

	return s->open->size >= limits->bytes || s->open->records >= limits->records ||
	       s->open->token_count >= OFFERS_MAX;
}

/* Records that cannot be read again and were left out by steps end here, so that a kill does not find them held. */
static void end_left_out(struct source *s, struct batch *b)
{
	const struct ledger_terms became = { .term = {
						     [LEDGER_DROPPED_STEP] = { b->dropped.records, b->dropped.bytes },
						     [LEDGER_MERGED] = { b->merged.records, b->merged.bytes },
					     } };

	if (b->dropped.records + b->merged.records == 0)
		return;
	for (size_t i = 0; i < source_routes(s); i++) {
		struct ledger_row *row = source_row(s, i);
		ledger_add(row, LEDGER_RECEIVED, b->dropped.records + b->merged.records,
			b->dropped.bytes + b->merged.bytes);
		ledger_add(row, LEDGER_DROPPED_STEP, b->dropped.records, b->dropped.bytes);
		ledger_add(row, LEDGER_MERGED, b->merged.records, b->merged.bytes);
		ledger_settle(row, &became, false);
	}
	batch_forget_left_out(b);
}

static void tell_taken(struct source *s, struct batch *b)
{
	const struct source_hooks *hooks = s->options.hooks;

	if (hooks && hooks->taken)
		hooks->taken(s->options.context, b);
	batch_set_aside(b, NULL);
}

/* Counts bytes as they are after the steps. */
static void count_received(struct source *s, struct batch *b)
{
	uint64_t records, bytes;

	tell_taken(s, b);
	if (s->options.rewind == REWIND_NONE)
		end_left_out(s, b);
	records = b->records + b->dropped.records + b->merged.records;
	bytes = b->size + b->dropped.bytes + b->merged.bytes;
	for (size_t i = 0; i < source_routes(s); i++) {
		ledger_add(source_row(s, i), LEDGER_RECEIVED, records, bytes);
		ledger_add(source_row(s, i), LEDGER_HELD, records, bytes);
		ledger_save(source_row(s, i));
	}
}

/* Adds the offer to the open batch. Seals the open batch first if both together are too large, or if there is no room
 * to merge them. */
static void add_to_open(struct source *s, struct batch **batch)
{
	const struct batch_limits *limits = &s->options.limits;
	struct batch *b = *batch;

	if (s->open && (s->open->size + b->size > limits->bytes || s->open->records + b->records > limits->records))
		seal(s);
	if (s->open && batch_merge(s->open, batch) == 0)
		return;
	seal(s);
	s->open = b;
	*batch = NULL;
	loop_timer_set(&s->age, limits->age);
}

/* Records that came and ended at once, for every destination. */
static void count_ended(struct source *s, enum ledger_term term, uint64_t records, uint64_t bytes)
{
	for (size_t i = 0; i < source_routes(s); i++) {
		ledger_add(source_row(s, i), LEDGER_RECEIVED, records, bytes);
		ledger_add(source_row(s, i), term, records, bytes);
		ledger_save(source_row(s, i));
	}
}

void source_lost(struct source *s, uint64_t records, uint64_t bytes)
{
	count_ended(s, LEDGER_DROPPED_FULL, records, bytes);
	s->lost += records * source_routes(s);
}

void source_refused(struct source *s, uint64_t records, uint64_t bytes)
{
	count_ended(s, LEDGER_REJECTED, records, bytes);
}

void source_excess(struct source *s, uint64_t records, uint64_t bytes)
{
	count_ended(s, LEDGER_DROPPED_CEILING, records, bytes);
}

/* The saved position passes them, so the saved ledger has them, too. */
void source_not_left(struct source *s, uint64_t records, uint64_t bytes)
{
	const struct ledger_amount lost = { records, bytes };

	for (size_t i = 0; i < source_routes(s); i++) {
		ledger_add(source_row(s, i), LEDGER_RECEIVED, records, bytes);
		ledger_add(source_row(s, i), LEDGER_HELD, records, bytes);
		deliveries_not_left(&s->deliveries, i, &lost);
	}
	s->lost += records * source_routes(s);
}

/* An item without a place of its own is identified by its number in this run. Two items with the same place would be
 * one document. */
static void give_places(struct source *s, struct batch *batch)
{
	const struct source_options *o = &s->options;

	OXP_ASSERT(source_routes(s) > 0 && batch->signal == o->signal && !o->uncounted);
	if (o->generation)
		batch_give_places(batch, o->generation, &s->placed);
}

struct chain_pass *source_pass_begin(struct source *s, struct batch *batch)
{
	const struct source_options *o = &s->options;

	give_places(s, batch);
	return chain_begin(o->chain, batch, o->generation, loop_now(s->world->loop));
}

enum admit source_prepare(struct source *s, struct batch **batch)
{
	const struct source_options *o = &s->options;

	if ((*batch)->count == 0)
		return ADMIT_REFUSED;
	if (o->chain && !chain_is_free(o->chain))
		return ADMIT_FULL;
	give_places(s, *batch);
	if (o->chain && chain_run(o->chain, batch, o->generation, loop_now(s->world->loop)) < 0)
		return ADMIT_FULL;
	return ADMIT_TAKEN;
}

void source_wait(struct source *s)
{
	s->waiting++;
}

void source_waited(struct source *s)
{
	OXP_ASSERT(s->waiting > 0);
	s->waiting--;
}

void source_left(struct source *s, struct batch **batch)
{
	batch_taken(*batch);
	end_left_out(s, *batch);
	count_received(s, *batch);
	batch_free(*batch);
	*batch = NULL;
}

void source_take(struct source *s, struct batch **batch)
{
	if (s->abandoned && (*batch)->row_count > 0) {
		source_left(s, batch);
		return;
	}
	batch_taken(*batch);
	count_received(s, *batch);
	add_to_open(s, batch);
	if (is_full_batch(s) || s->draining)
		seal(s);
}

enum admit source_offer(struct source *s, struct batch **batch)
{
	enum admit admit = source_prepare(s, batch);

	if (admit == ADMIT_TAKEN)
		source_take(s, batch);
	return admit;
}

/* By what its first item says, if the clock agrees. */
static struct duration waited(const struct source *s, const struct batch *b)
{
	const struct batch_item *oldest = batch_item(b, 0);
	int64_t now = loop_wall(s->world->loop).ns / 1000000, when = -1;

	if (s->options.when)
		when = s->options.when((struct bytes){ oldest->data, oldest->size });
	return DURATION_MS(when >= 0 && when < now ? now - when : 0);
}

void source_restore(struct source *s, size_t route, struct batch **batch)
{
	struct delivery *delivery = delivery_restore(&s->deliveries, batch, route, waited(s, *batch));

	shelf_add(s->world->shelf, delivery->batch);
	sender_push(s->deliveries.routes[route].sender, delivery, route);
}

void source_drain(struct source *s)
{
	s->draining = true;
	seal(s);
}

void source_abandon(struct source *s)
{
	s->abandoned = true;
	seal(s);
}

bool source_idle(const struct source *s)
{
	return !s->open && s->waiting == 0 && TAILQ_EMPTY(&s->deliveries.list);
}

void source_refill(struct source *s)
{
	if (s->deliveries.hooks->refill)
		s->deliveries.hooks->refill(s->options.context);
}
