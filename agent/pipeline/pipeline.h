/*
 * The pipeline: what stands between collectors and exporters.
 *
 *	collector → source (intake, steps, batcher) → fan-out → sender (queue, retries) → exporter
 *
 * A source belongs to one collector and one signal, a sender to one exporter. A source's batch is one for all its
 * destinations: sealed when it has grown to batch_bytes or batch_records, or is batch_age old.
 */
#ifndef OXP_PIPELINE_H
#define OXP_PIPELINE_H

#include "base/random.h"
#include "loop/loop.h"
#include "pipeline/chain.h"
#include "pipeline/delivery.h"

struct batch_limits {
	uint64_t bytes, records;
	struct duration age;
};

/* One item that a destination will never take. */
struct refusal {
	struct delivery *delivery;
	size_t route, item;
	unsigned tries;
	const char *reason;
};
/* What becomes of it. */
enum keep {
	KEEP_NOT, /* nothing: it is counted as rejected, and lost */
	KEEP_AS_IT_IS, /* it is where it came from, and stays there: rejected once more */
	KEEP_TAKEN, /* it waits for the disk; delivery_parked() will say how that went, from a later callback */
	KEEP_LATER, /* too much waits already: try again, and it will be refused again */
};

struct source {
	TAILQ_ENTRY(source) entry;
	struct pipeline *pipeline;
	const char *name;
	enum signal signal;
	enum rewind rewind;
	/* Where its items come from, when they have no place of their own: a number that no other run has. 0: they
	 * have. */
	uint64_t generation, placed;
	struct batch_limits limits;
	struct chain *chain; /* what happens to its records; NULL: nothing */
	struct batch *open; /* what is being filled; NULL when empty */
	size_t waiting; /* offers that are on their way to the disk, and come with source_take() */
	struct loop_timer age;
	struct delivery_list deliveries; /* oldest first */
	struct route routes[ROUTES_MAX];
	size_t route_count;
	/* Asked about each item that is refused. NULL: none is kept. */
	enum keep (*keep)(void *context, const struct refusal *);
	void *keep_context;
	/* At the route of these rows, all that is in them has settled: the spool need not have it any more. */
	void (*unspool)(void *context, const struct batch_row *rows, size_t count);
	/* There is room, and somebody had been refused: what is left of the spool may come. NULL: nothing is. */
	void (*refill)(void *context);
	void *unspool_context; /* of both */
	/* What the collector is told; NULL where it does not listen. */
	void (*settled)(struct collector *, uint64_t token);
	void (*resume)(struct collector *);
	struct collector *collector;
};
TAILQ_HEAD(source_list, source);

struct pipeline {
	struct loop *loop;
	struct random *random;
	const struct log *log;
	struct budget budget;
	struct ledger *ledger;
	struct source_list sources;
	TAILQ_HEAD(sender_list, sender) senders;
	struct loop_soon room; /* tells the starved */
	bool draining; /* the process ends: nothing waits for company or for better times */
	/* Records in this run, dropped{full} or rejected: once for each destination, as the ledger has them. */
	uint64_t lost;
	bool abandoned; /* pipeline_abandon() was called: what is on disk stays there */
};

struct pipeline_options {
	struct loop *loop;
	struct random *random;
	const struct log *log;
	struct ledger *ledger;
	size_t memory; /* bytes: the ceiling of all batches together */
};
void pipeline_init(struct pipeline *, const struct pipeline_options *);
void pipeline_done(struct pipeline *);

struct source_options {
	const char *name; /* outlives the source */
	enum signal signal;
	enum rewind rewind;
	struct batch_limits limits;
	struct chain *chain; /* borrowed; NULL: none */
	void (*settled)(struct collector *, uint64_t token);
	void (*resume)(struct collector *);
	struct collector *collector;
};
struct source *source_new(struct pipeline *, const struct source_options *);
/* All that this source offers goes there too. */
void source_route(struct source *, struct sender *);
void source_free(struct source *);

/* host_offer() and host_batch_new(). NULL, no room, also for a source that can be read again and whose destination has
 * enough to do. */
enum admit source_offer(struct source *, struct batch **) MUST_CHECK;
struct batch *source_batch_new(struct source *) MUST_CHECK;
/* An offer in two halves, for what is to be on disk in between: places and steps, after which it is as it will be sent;
 * and the way to the destinations. Nothing is counted before the second. After pipeline_abandon() what has rows is let
 * go: the next start has it. */
enum admit source_prepare(struct source *, struct batch **) MUST_CHECK;
void source_take(struct source *, struct batch **);
/* host_lost(), host_refused() */
void source_lost(struct source *, uint64_t records, uint64_t bytes);
void source_refused(struct source *, uint64_t records, uint64_t bytes);

/* From now on batches go out at once and back-off is short. */
void pipeline_drain(struct pipeline *);
/* Nothing is under way: no open batch, no delivery. */
bool pipeline_idle(const struct pipeline *);
/*
 * The end. What is left of a source that cannot be read again is offered to keep(), which answers whether it has a
 * place for it; if not it is dropped and counted. Returns how many records were lost, then and in all of this run.
 */
uint64_t pipeline_abandon(struct pipeline *, bool (*keep)(void *context, const struct send *), void *context);
/* A batch of an earlier run with its rows, for one destination of the source; the ledger has it as held. */
void source_restore(struct source *, size_t route, struct batch **);

#endif
