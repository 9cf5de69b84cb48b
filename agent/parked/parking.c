#include "parked/parking.h"

#include <errno.h>
#include <stdlib.h>

#include "state/state.h"

enum { ROOM_AGAIN = 50 /* per cent of the limit */ };

/* One item on its way to the disk. It stays where it is: the lane writes `known`. */
struct part {
	struct part *next;
	struct delivery *delivery;
	size_t route;
	struct ledger_amount amount;
	bool known; /* it was parked by a run before */
};

struct parking_group {
	struct parking *parking;
	struct state_change *change;
	struct part *parts;
	size_t cost; /* bytes, as state counts them */
};

static void commit(void *context);

void parking_init(struct parking *p, struct loop *loop, struct state *state, const struct log *log)
{
	*p = (struct parking){ .state = state, .loop = loop, .log = log };
	loop_soon_init(&p->commit, loop, commit, p);
}

static void group_free(struct parking_group *g)
{
	if (!g)
		return;
	state_change_free(g->change);
	for (struct part *part; (part = g->parts);) {
		g->parts = part->next;
		free(part);
	}
	free(g);
}

void parking_done(struct parking *p)
{
	group_free(p->open);
	p->open = NULL;
	loop_soon_done(&p->commit);
}

/* Logged once, until there is room or the disk works again. For records that are too large, once in a run. */
static void cannot_park(struct parking *p, const char *destination, int failed)
{
	bool *told = failed == -E2BIG ? &p->large : failed == -ENOSPC ? &p->full : &p->failing;
	const char *why = failed == -ENOSPC  ? "there is no room, see `oxpecker parked` and state.max"
			  : failed == -E2BIG ? "a record is larger than a MiB"
					     : strerror(-failed);

	if (!*told)
		log_error(p->log, destination, "what it refuses cannot be parked, and is counted as rejected: %s", why);
	*told = true;
}

/*
 * What a door had answered for is on disk twice if a kill came between the commit that parked it and the one that
 * deletes its row of the spool. It was sent again then, and counts as received twice: one of the two ends here.
 */
static bool is_second(const struct part *part)
{
	return part->known && part->delivery->of->rewind == REWIND_NONE;
}

static void on_committed(void *context, int failed)
{
	struct parking_group *g = context;
	struct parking *p = g->parking;

	p->writing--;
	p->failing = p->failing && failed;
	for (const struct part *part = g->parts; part; part = part->next) {
		enum ledger_term as = failed ? LEDGER_REJECTED : is_second(part) ? LEDGER_MERGED : LEDGER_PARKED;
		if (failed)
			cannot_park(p, part->delivery->of->routes[part->route].row->destination, failed);
		delivery_parked(part->delivery, part->route, as, &part->amount);
	}
	group_free(g);
	if (p->open)
		loop_soon_run(&p->commit);
}

void parking_flush(struct parking *p)
{
	struct parking_group *g = p->open;

	if (!g)
		return;
	p->open = NULL;
	p->writing++;
	state_commit(p->state, &g->change, on_committed, g);
}

static void commit(void *context)
{
	struct parking *p = context;

	if (p->writing == 0)
		parking_flush(p);
}

static struct parking_group *open_group(struct parking *p)
{
	if (p->open)
		return p->open;
	p->open = oxp_new(sizeof *p->open);
	p->open->parking = p;
	p->open->change = state_change_new();
	if (p->writing == 0)
		loop_soon_run(&p->commit);
	return p->open;
}

static void stage(struct parking *p, struct parking_group *g, const struct refusal *r, bool *known)
{
	const struct deliveries *of = r->delivery->of;
	const struct batch_item *item = batch_item(r->delivery->batch, r->item);
	const struct ledger_row *row = of->routes[r->route].row;

	g->cost += item->size + STATE_PARKED_ROW;
	state_change_park(g->change, &(struct state_parked){ .at = loop_wall(p->loop),
					     .source = row->source,
					     .destination = row->destination,
					     .reason = r->reason,
					     .signal = row->signal,
					     .tries = r->tries,
					     .records = item->records,
					     .generation = item->generation,
					     .offset = item->offset,
					     .placed = of->rewind == REWIND_SAVED,
					     .known = known,
					     .payload = { item->data, item->size } });
}

/* Whether state will take the item, as far as can be known in advance. */
static int room_for(struct parking *p, size_t size)
{
	uint64_t taken = state_parked_bytes(p->state) + (p->open ? p->open->cost : 0);

	p->full = p->full && taken > state_parked_max(p->state) / 100 * ROOM_AGAIN;
	if (size > STATE_PAYLOAD_MAX)
		return -E2BIG;
	return taken + size + STATE_PARKED_ROW > state_parked_max(p->state) ? -ENOSPC : 0;
}

enum park parking_park(struct parking *p, const struct refusal *r)
{
	const struct batch_item *item = batch_item(r->delivery->batch, r->item);
	const struct ledger_row *row = r->delivery->of->routes[r->route].row;
	int failed = room_for(p, item->size);
	struct part *part;

	if (failed) {
		cannot_park(p, row->destination, failed);
		return PARK_NOT;
	}
	if (p->open && p->open->cost + item->size + STATE_PARKED_ROW > PARKING_GROUP_MAX)
		return PARK_LATER;
	part = oxp_new(sizeof *part);
	*part = (struct part){ open_group(p)->parts, r->delivery, r->route, { item->records, item->size }, false };
	p->open->parts = part;
	stage(p, p->open, r, &part->known);
	return PARK_TAKEN;
}
