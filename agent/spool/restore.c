#include "spool/restore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "spool/rows.h"

/* What the start reads of one route. */
struct restore {
	struct source *source;
	size_t route;
	struct ledger_amount amount, unheard, damaged;
	uint64_t counted_to;
	uint64_t last; /* last row that was read into memory; 0: none */
	uint64_t until; /* the last row there is */
	struct batch *open; /* rows that become one batch */
	bool full;
};

/* The rows of one route that are read after the start. */
struct refill {
	struct refill *next;
	struct restores *of;
	struct source *source;
	size_t route;
	uint64_t last, until; /* rows after `until` came in this run, and not behind these */
	size_t awaited; /* restores_await() */
	struct batch *open;
	bool asking, over;
	char key[STATE_KEY_MAX];
};

void restores_init(struct restores *all, const struct spool_world *world)
{
	*all = (struct restores){ .world = world };
}

void restores_done(struct restores *all)
{
	for (struct refill *r; (r = all->refills);) {
		all->refills = r->next;
		batch_free(r->open);
		free(r);
	}
}

static void send_open(struct source *s, size_t route, struct batch **open)
{
	if (*open)
		source_restore(s, route, open);
}

/* Joins rows of small requests to one batch again, as they were before. */
static void gather(struct source *s, size_t route, struct batch **open, struct batch *more)
{
	const struct batch_limits *limits = &s->options.limits;

	if (*open && (*open)->size + more->size <= limits->bytes &&
		(*open)->records + more->records <= limits->records && batch_merge(*open, &more) == 0)
		return;
	send_open(s, route, open);
	*open = more;
}

/* At the start. */

/* What no row can have is damaged, too. */
static void add_damaged(struct ledger_amount *to, const struct ledger_amount *amount)
{
	if (amount->bytes > STATE_SPOOL_PAYLOAD_MAX || amount->records > amount->bytes)
		return;
	to->records += amount->records;
	to->bytes += amount->bytes;
}

static bool restore_row(void *context, uint64_t id, const struct ledger_amount *amount, struct bytes payload)
{
	struct restore *r = context;
	struct batch *batch;

	if (!payload.data) {
		add_damaged(&r->damaged, amount);
		return true;
	}
	batch = r->full ? NULL : rows_unpack(r->source, payload);
	r->amount.records += amount->records;
	r->amount.bytes += amount->bytes;
	r->unheard.records += id >= r->counted_to ? amount->records : 0;
	r->unheard.bytes += id >= r->counted_to ? amount->bytes : 0;
	r->full = r->full || !batch;
	r->until = id;
	if (batch) {
		batch_row_add(batch, r->route, id);
		gather(r->source, r->route, &r->open, batch);
		r->last = id;
	}
	return true;
}

static void refill_later(struct restores *all, const struct restore *from, const char *key)
{
	struct refill *r = oxp_new(sizeof *r);

	*r = (struct refill){ .next = all->refills,
		.of = all,
		.source = from->source,
		.route = from->route,
		.last = from->last,
		.until = from->until };
	snprintf(r->key, sizeof r->key, "%s", key);
	all->refills = r;
	log_info(all->world->options.log, from->source->options.name,
		"not all of the spool fits in memory: the rest comes as it is sent");
}

static int restore_route(struct restores *all, struct source *s, size_t route, struct books_disk *ret_disk)
{
	const struct spool_options *o = &all->world->options;
	const struct ledger_row *row = source_row(s, route);
	struct restore r = { .source = s, .route = route, .counted_to = books_spooled_to(o->state, row) };
	char key[STATE_KEY_MAX];
	uint64_t damaged;
	int failed;

	ledger_key(row, key, sizeof key);
	failed = state_spool_load(o->state, key, restore_row, &r, &damaged);
	*ret_disk = (struct books_disk){
		.spooled = r.amount, .unheard = r.unheard, .damaged = r.damaged, .spooled_to = r.until + 1
	};
	send_open(s, route, &r.open);
	if (r.full)
		refill_later(all, &r, key);
	if (damaged)
		log_error(o->log, s->options.name,
			"%llu rows of the spool are damaged: they are set aside and not sent",
			(unsigned long long)damaged);
	return failed;
}

int restores_source(struct restores *all, struct source *s, struct books_disk *ret_disk)
{
	int failed = 0;

	for (size_t i = 0; i < source_routes(s) && !failed; i++)
		failed = restore_route(all, s, i, &ret_disk[i]);
	return failed;
}

/* After the start. */

static void ask_for_row(struct refill *r);

static void on_row(void *context, const struct state_spooled *row)
{
	struct refill *r = context;
	struct batch *batch;

	r->asking = false;
	r->over = row->failed == -ENOENT || (!row->failed && row->id > r->until);
	if (r->of->world->phase == SPOOL_ENDING)
		return;
	batch = row->failed || row->id > r->until ? NULL : rows_unpack(r->source, row->payload);
	if (batch) {
		batch_row_add(batch, r->route, row->id);
		gather(r->source, r->route, &r->open, batch);
		r->last = row->id;
		r->over = row->id == r->until;
	}
	if (batch && !r->over)
		ask_for_row(r);
	else
		send_open(r->source, r->route, &r->open); /* asked again when there is room or the next row goes */
}

static void ask_for_row(struct refill *r)
{
	const struct spool_world *world = r->of->world;

	if (r->asking || r->over || world->phase == SPOOL_ENDING)
		return;
	r->asking = true;
	state_spool_take(world->options.state, r->key, r->last, on_row, r);
}

bool restores_are_reading(const struct restores *all, const struct source *s)
{
	for (const struct refill *r = all->refills; r; r = r->next)
		if (r->source == s && (!r->over || r->awaited > 0))
			return true;
	return false;
}

static struct refill *refill_of(const struct restores *all, const struct source *s)
{
	struct refill *r = all->refills;

	OXP_ASSERT(source_routes(s) == 1);
	while (r && r->source != s)
		r = r->next;
	OXP_ASSERT(r);
	return r;
}

void restores_await(struct restores *all, const struct source *s)
{
	OXP_ASSERT(restores_are_reading(all, s));
	refill_of(all, s)->awaited++;
}

void restores_written(struct restores *all, const struct source *s, uint64_t last)
{
	struct refill *r = refill_of(all, s);

	OXP_ASSERT(r->awaited > 0);
	r->awaited--;
	if (last <= r->until)
		return;
	r->until = last;
	r->over = false;
	ask_for_row(r);
}

void restores_refill(struct restores *all)
{
	for (struct refill *r = all->refills; r; r = r->next)
		ask_for_row(r);
}

/* The start counted the row's records as held without reading them: it reads only as many rows as fit into memory.
 * Moves them to the term that counts damaged rows found at a start. */
void restores_damaged(struct restores *all, const char *key, uint64_t id, const struct ledger_amount *amount)
{
	const struct refill *r = all->refills;

	log_error(all->world->options.log, "spool",
		"a row of %llu records for \"%s\" is damaged: it is set aside and not sent",
		(unsigned long long)amount->records, key);
	while (r && strcmp(r->key, key) != 0)
		r = r->next;
	if (!r || id > r->until)
		return;
	ledger_move(source_row(r->source, r->route)->live, LEDGER_HELD, LEDGER_DROPPED_KILLED, amount);
	ledger_move(&source_row(r->source, r->route)->settled, LEDGER_HELD, LEDGER_DROPPED_KILLED, amount);
}
