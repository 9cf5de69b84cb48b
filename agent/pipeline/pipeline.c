#include "pipeline/pipeline.h"

#include <errno.h>
#include <stdlib.h>

#include "pipeline/sender.h"

enum { OFFERS_MAX = 4096 }; /* in one batch */

/* Somebody was refused and there is room now: the spool and every collector that waits are told, and ask again. */
static void tell_starved(void *context)
{
	struct pipeline *p = context;
	struct source *s;

	TAILQ_FOREACH(s, &p->sources, entry)
	{
		if (s->refill)
			s->refill(s->unspool_context);
		if (s->resume && s->collector)
			s->resume(s->collector);
	}
}

static void budget_freed(void *context)
{
	struct pipeline *p = context;

	loop_soon_run(&p->room);
}

void pipeline_init(struct pipeline *p, const struct pipeline_options *o)
{
	*p = (struct pipeline){ .loop = o->loop, .random = o->random, .log = o->log, .ledger = o->ledger };
	TAILQ_INIT(&p->sources);
	TAILQ_INIT(&p->senders);
	loop_soon_init(&p->room, o->loop, tell_starved, p);
	budget_init(&p->budget, o->memory);
	p->budget.freed = budget_freed;
	p->budget.context = p;
}

void pipeline_done(struct pipeline *p)
{
	struct sender *sender;
	struct source *source;

	while ((sender = TAILQ_FIRST(&p->senders)))
		sender_free(sender);
	while ((source = TAILQ_FIRST(&p->sources)))
		source_free(source);
	loop_soon_done(&p->room);
	p->budget.freed = NULL; /* what is given back from here on is wanted by nobody */
}

/* What steps left out of a batch ended here, for every destination. */
static void count_left_out(struct delivery *d, size_t routes)
{
	const struct left_out *dropped = &d->batch->dropped, *merged = &d->batch->merged;

	for (size_t i = 0; i < routes; i++) {
		if (dropped->records > 0)
			delivery_count(d, i, LEDGER_DROPPED_STEP, dropped->records, dropped->bytes);
		if (merged->records > 0)
			delivery_count(d, i, LEDGER_MERGED, merged->records, merged->bytes);
	}
}

/* Nothing of it is left to send: it settles as if every destination had it. */
static void settle_empty(struct delivery *d, size_t routes)
{
	for (size_t i = 0; i < routes; i++)
		delivery_settled(d, i);
}

/* Fan-out: the open batch is sealed, and each destination of the source gets a send of the one delivery that holds
 * it. */
static void seal(struct source *s)
{
	struct delivery *d;
	struct batch *batch = s->open;

	loop_timer_clear(&s->age);
	if (!batch)
		return;
	s->open = NULL;
	d = delivery_new(s, &batch, 0, s->route_count);
	count_left_out(d, s->route_count);
	if (d->batch->count == 0) {
		settle_empty(d, s->route_count);
		return;
	}
	for (size_t i = 0; i < s->route_count; i++)
		sender_push(s->routes[i].sender, d, i);
}

static void on_age(void *context)
{
	seal(context);
}

struct source *source_new(struct pipeline *p, const struct source_options *o)
{
	struct source *s = oxp_new(sizeof *s);

	*s = (struct source){ .pipeline = p,
		.name = o->name,
		.signal = o->signal,
		.rewind = o->rewind,
		.limits = o->limits,
		.chain = o->chain,
		.settled = o->settled,
		.resume = o->resume,
		.collector = o->collector };
	TAILQ_INIT(&s->deliveries);
	loop_timer_init(&s->age, p->loop, on_age, s);
	TAILQ_INSERT_TAIL(&p->sources, s, entry);
	return s;
}

static const char *signal_name(enum signal signal)
{
	return signal == SIGNAL_METRICS ? "metrics" : signal == SIGNAL_LOGS ? "logs" : "traces";
}

void source_route(struct source *s, struct sender *sender)
{
	struct ledger_row *row = ledger_row(s->pipeline->ledger, signal_name(s->signal), s->name, sender->name);

	OXP_ASSERT(s->route_count < ROUTES_MAX && !s->open && TAILQ_EMPTY(&s->deliveries));
	row->rewinds = s->rewind == REWIND_SAVED;
	s->routes[s->route_count++] = (struct route){ .sender = sender, .row = row };
}

void source_free(struct source *s)
{
	struct delivery *d;

	if (!s)
		return;
	loop_timer_done(&s->age);
	batch_free(s->open);
	while ((d = TAILQ_FIRST(&s->deliveries))) {
		TAILQ_REMOVE(&s->deliveries, d, entry);
		if (d->batch)
			batch_unref(d->batch);
		free(d->tokens);
		free(d->rows);
		free(d);
	}
	TAILQ_REMOVE(&s->pipeline->sources, s, entry);
	free(s);
}

/*
 * What can be read again need not be held: a file is its own buffer. Memory has what could be under way to its slowest
 * destination, and one batch more; that is little when a destination does not answer, whatever `memory` allows.
 */
static bool is_backed_up(const struct source *s)
{
	size_t open = s->open ? s->open->size : 0;

	if (s->rewind != REWIND_SAVED)
		return false;
	for (size_t i = 0; i < s->route_count; i++)
		if (sender_is_backed_up(s->routes[i].sender, open, s->limits.bytes))
			return true;
	return false;
}

struct batch *source_batch_new(struct source *s)
{
	if (is_backed_up(s))
		return NULL;
	return batch_new(&s->pipeline->budget, s->signal);
}

static bool is_full_batch(const struct source *s)
{
	return s->open->size >= s->limits.bytes || s->open->records >= s->limits.records ||
	       s->open->token_count >= OFFERS_MAX;
}

/* Of what cannot be read again, what steps left out ends here: a kill must not find it held. */
static void end_left_out(struct source *s, struct batch *b)
{
	for (size_t i = 0; i < s->route_count; i++) {
		struct ledger_row *row = s->routes[i].row;
		ledger_add(row, LEDGER_RECEIVED, b->dropped.records + b->merged.records,
			b->dropped.bytes + b->merged.bytes);
		ledger_add(row, LEDGER_DROPPED_STEP, b->dropped.records, b->dropped.bytes);
		ledger_add(row, LEDGER_MERGED, b->merged.records, b->merged.bytes);
	}
	b->dropped = b->merged = (struct left_out){ 0, 0 };
}

/* Bytes are those that records have behind the steps. */
static void count_received(struct source *s, struct batch *b)
{
	if (s->rewind == REWIND_NONE)
		end_left_out(s, b);
	for (size_t i = 0; i < s->route_count; i++) {
		ledger_add(s->routes[i].row, LEDGER_RECEIVED, b->records + b->dropped.records + b->merged.records,
			b->size + b->dropped.bytes + b->merged.bytes);
		ledger_add(s->routes[i].row, LEDGER_HELD, b->records + b->dropped.records + b->merged.records,
			b->size + b->dropped.bytes + b->merged.bytes);
	}
}

/* Adds the offer to the open batch, sealing it first when both together would be too large, or when there is no room
 * to make one of them. */
static void add_to_open(struct source *s, struct batch **batch)
{
	struct batch *b = *batch;

	if (s->open && (s->open->size + b->size > s->limits.bytes || s->open->records + b->records > s->limits.records))
		seal(s);
	if (s->open && batch_merge(s->open, batch) == 0)
		return;
	seal(s);
	s->open = b;
	*batch = NULL;
	loop_timer_set(&s->age, s->limits.age);
}

/* An item without a place of its own is known by its number in this run; two with the same place were one document. */
static void give_places(struct source *s, struct batch *b)
{
	for (size_t i = 0; s->generation && i < b->count; i++) {
		if (b->items[i].generation >= PLACE_NAMED)
			continue;
		b->items[i].generation = s->generation;
		b->items[i].offset = s->placed++;
	}
}

void source_lost(struct source *s, uint64_t records, uint64_t bytes)
{
	for (size_t i = 0; i < s->route_count; i++) {
		ledger_add(s->routes[i].row, LEDGER_RECEIVED, records, bytes);
		ledger_add(s->routes[i].row, LEDGER_DROPPED_FULL, records, bytes);
	}
	s->pipeline->lost += records * s->route_count;
}

void source_refused(struct source *s, uint64_t records, uint64_t bytes)
{
	for (size_t i = 0; i < s->route_count; i++) {
		ledger_add(s->routes[i].row, LEDGER_RECEIVED, records, bytes);
		ledger_add(s->routes[i].row, LEDGER_REJECTED, records, bytes);
	}
}

enum admit source_prepare(struct source *s, struct batch **batch)
{
	OXP_ASSERT(s->route_count > 0 && (*batch)->signal == s->signal);
	if ((*batch)->count == 0)
		return ADMIT_REFUSED;
	give_places(s, *batch);
	if (s->chain && chain_run(s->chain, batch, s->generation, loop_now(s->pipeline->loop)) < 0)
		return ADMIT_FULL;
	return ADMIT_TAKEN;
}

void source_take(struct source *s, struct batch **batch)
{
	count_received(s, *batch);
	if (s->pipeline->abandoned && (*batch)->row_count > 0) {
		batch_free(*batch);
		*batch = NULL;
		return;
	}
	add_to_open(s, batch);
	if (is_full_batch(s) || s->pipeline->draining)
		seal(s);
}

enum admit source_offer(struct source *s, struct batch **batch)
{
	enum admit admit = source_prepare(s, batch);

	if (admit == ADMIT_TAKEN)
		source_take(s, batch);
	return admit;
}

void source_restore(struct source *s, size_t route, struct batch **batch)
{
	struct delivery *d = delivery_new(s, batch, route, route + 1);

	sender_push(s->routes[route].sender, d, route);
}

void pipeline_drain(struct pipeline *p)
{
	struct source *s;
	struct sender *sender;

	p->draining = true;
	TAILQ_FOREACH(s, &p->sources, entry)
	seal(s);
	TAILQ_FOREACH(sender, &p->senders, entry)
	sender_hurry(sender);
}

bool pipeline_idle(const struct pipeline *p)
{
	const struct source *s;

	TAILQ_FOREACH(s, &p->sources, entry)
	if (s->open || s->waiting || !TAILQ_EMPTY(&s->deliveries))
		return false;
	return true;
}

struct abandon {
	bool (*keep)(void *context, const struct send *);
	void *context;
};

static void keep_or_drop(void *context, const struct send *d)
{
	const struct abandon *a = context;
	struct ledger_amount left = send_left(d);

	if (d->delivery->source->rewind == REWIND_NONE && !(a->keep && a->keep(a->context, d)))
		delivery_count(d->delivery, d->route, LEDGER_DROPPED_EXIT, left.records, left.bytes);
}

static uint64_t dropped_at_exit(const struct pipeline *p)
{
	uint64_t sum = 0;

	for (const struct ledger_row *row = p->ledger->rows; row; row = row->next)
		sum += row->live->term[LEDGER_DROPPED_EXIT].records;
	return sum;
}

uint64_t pipeline_abandon(struct pipeline *p, bool (*keep)(void *context, const struct send *), void *context)
{
	struct abandon abandon = { keep, context };
	uint64_t before = dropped_at_exit(p);
	struct sender *sender;
	struct source *s;

	TAILQ_FOREACH(s, &p->sources, entry)
	seal(s);
	p->abandoned = true; /* keep() may turn the loop */
	TAILQ_FOREACH(sender, &p->senders, entry)
	sender_halt(sender);
	TAILQ_FOREACH(sender, &p->senders, entry)
	sender_abandon(sender, keep_or_drop, &abandon);
	return dropped_at_exit(p) - before + p->lost;
}
