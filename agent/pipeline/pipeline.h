/*
 * The pipeline: what stands between collectors and exporters.
 *
 *	collector → source (intake, steps, batcher) → fan-out → sender (queue, retries) → exporter
 *
 * A source belongs to one collector and one signal, a sender to one exporter. The pipeline owns all of them, and what
 * they share.
 */
#ifndef OXP_PIPELINE_H
#define OXP_PIPELINE_H

#include "pipeline/prepare.h"
#include "pipeline/sender.h"
#include "pipeline/shelf.h"
#include "pipeline/source.h"

/* Only pipeline.c writes it. */
struct pipeline {
	struct budget budget;
	struct source_world source_world;
	struct sender_world sender_world;
	TAILQ_HEAD(source_list, source) sources;
	TAILQ_HEAD(sender_list, sender) senders;
	struct loop_soon room; /* tells the starved */
	struct preparations preparations;
	struct shelf shelf;
};

struct pipeline_options {
	struct loop *loop;
	struct random *random;
	const struct log *log;
	struct ledger *ledger;
	size_t memory; /* bytes: the ceiling of all batches together */
	struct lane *cpu; /* outlives pipeline_end_waiting(); NULL: all is done on the loop */
	/* Outlive pipeline_halt(): where batches go that wait (shelf.h). NULL: they stay in memory. */
	struct lane *disk;
	const char *folder;
};
void pipeline_init(struct pipeline *, const struct pipeline_options *);
void pipeline_done(struct pipeline *);

struct source *pipeline_source(struct pipeline *, const struct source_options *);
void pipeline_source_free(struct pipeline *, struct source *); /* NULL is fine */
struct sender *pipeline_sender(
	struct pipeline *, const char *name, const struct exporter_type *, const struct sender_limits *);
/* The sender of that name, or NULL. */
struct sender *pipeline_find_sender(const struct pipeline *, const char *name);

/* From now on batches go out at once and back-off is short. */
void pipeline_drain(struct pipeline *);
/* What waits for its steps has not happened: before collectors stop, since those need the steps for what they still
 * have. */
void pipeline_end_waiting(struct pipeline *);
/* Nothing is under way: no open batch, no delivery. */
bool pipeline_idle(const struct pipeline *);
/* Each send that is queued or under way, those of one sender in their order. `visit` changes none of them. */
void pipeline_visit(const struct pipeline *, void (*visit)(void *context, const struct send *), void *context);
/* Records that are lost in this run, dropped or rejected: once for each destination, as the ledger has them. */
uint64_t pipeline_lost(const struct pipeline *);

/* The end: what is under way, or waits for its steps, is cancelled, and nothing more is sent. */
void pipeline_halt(struct pipeline *);
/* Of a halted pipeline: a send that has not settled, those of one sender in their order; NULL if there is none. */
const struct send *pipeline_left(const struct pipeline *);
/* Drops that send from its queue. `safe`: its records are in a file or on disk; if not, they count as dropped{exit}. */
void pipeline_give_up(struct pipeline *, bool safe);

#endif
