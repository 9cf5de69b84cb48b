/*
 * A source: what one collector offers of one signal, on its way to every destination that takes it.
 *
 *	offer → places, steps → open batch → fan-out: one delivery, one send a destination
 *
 * All destinations share one open batch. It is sealed when it reaches limits.bytes, limits.records or limits.age.
 */
#ifndef OXP_SOURCE_H
#define OXP_SOURCE_H

#include "pipeline/chain.h"
#include "pipeline/delivery.h"

struct batch_limits {
	uint64_t bytes, records;
	struct duration age;
};

struct source_options {
	const char *name; /* outlives the source */
	enum signal signal;
	enum rewind rewind;
	/* The generation of items that have no place of their own: a number that no other run has. 0: they have one. */
	uint64_t generation;
	struct batch_limits limits;
	struct chain *chain; /* what happens to its records, borrowed; NULL: nothing */
	const struct source_hooks *hooks; /* outlive the source; NULL: nobody is told */
	void *context; /* of the hooks */
	/* When the records of an item are of, in ms since 1970: what an earlier run left has waited since then
	 * (delivery.since). NULL: nobody knows. */
	int64_t (*when)(struct bytes item);
	bool uncounted; /* no row of the ledger has its records: whoever made it keeps the books */
};

struct preparations;

/* What a source is lent. */
struct source_world {
	struct loop *loop;
	struct budget *budget;
	struct ledger *ledger;
	struct preparations *preparations; /* prepare.h */
	struct shelf *shelf;
};

/* Only source.c writes it. */
struct source {
	TAILQ_ENTRY(source) entry; /* the pipeline's */
	const struct source_world *world;
	struct source_options options;
	uint64_t placed; /* items that got a place here */
	struct batch *open; /* what is being filled; NULL when empty */
	size_t waiting; /* offers that are on their way to the disk, and come with source_take() */
	struct loop_timer age;
	struct deliveries deliveries;
	bool draining; /* nothing waits for company any more */
	bool abandoned; /* what is on disk stays there */
	uint64_t lost; /* records, dropped{full} */
};

struct source *source_new(const struct source_world *, const struct source_options *);
/* Everything that this source offers goes there, too. Before the first offer. */
void source_route(struct source *, struct sender *);
void source_free(struct source *); /* NULL is fine */

size_t source_routes(const struct source *);
struct ledger_row *source_row(const struct source *, size_t route);
/* Records that are lost in this run, dropped or rejected: once for each destination, as the ledger has them. */
uint64_t source_lost_records(const struct source *);

/* host_offer() and host_batch_new(). A source that can be read again gets NULL, too, if a destination of it has enough
 * to do. */
enum admit source_offer(struct source *, struct batch **) MUST_CHECK;
struct batch *source_batch_new(struct source *) MUST_CHECK;
bool source_others_hold_room(const struct source *); /* host_others_hold_room() */
bool source_has_enough(struct source *); /* host_has_enough() */
struct batch *source_leave_batch(struct source *) MUST_CHECK; /* host_leave_batch() */
/*
 * An offer in two halves, for what has to be on disk in between. The first gives places and runs the steps; then the
 * batch is as it will be sent. The second counts it and sends it to the destinations. Between source_wait() and
 * source_waited() the source is not idle. After source_abandon(), a batch with rows is only counted: the next start
 * sends it.
 */
enum admit source_prepare(struct source *, struct batch **) MUST_CHECK;
/* In place of it: gives places, and begins the pass of the steps, of which there are some. chain_end() ends it. */
struct chain_pass *source_pass_begin(struct source *, struct batch *);
void source_wait(struct source *);
void source_waited(struct source *);
void source_take(struct source *, struct batch **);
/* In place of source_take(): it is on disk, and only counted. The next start sends it. */
void source_left(struct source *, struct batch **);
/* host_lost(), host_refused() */
void source_lost(struct source *, uint64_t records, uint64_t bytes);
void source_refused(struct source *, uint64_t records, uint64_t bytes);
/* That much came and exceeds what a destination's records may have: dropped{ceiling}, and not lost by us. */
void source_excess(struct source *, uint64_t records, uint64_t bytes);
/* host_not_left() */
void source_not_left(struct source *, uint64_t records, uint64_t bytes);
/* A batch of an earlier run with its rows, for one destination of the source; the ledger has it as held. */
void source_restore(struct source *, size_t route, struct batch **);

/* The open batch goes, and from now on each offer goes at once. */
void source_drain(struct source *);
/* The open batch goes; a later batch with rows is left to the next start. */
void source_abandon(struct source *);
/* No open batch, no delivery, no offer on its way to the disk. */
bool source_idle(const struct source *);
/* There is room again. */
void source_refill(struct source *);

#endif
