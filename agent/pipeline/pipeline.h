/*
 * The pipeline: what stands between collectors and exporters.
 *
 *	collector → source (intake, steps, batcher) → fan-out → sender (queue, retries) → exporter
 *
 * A source belongs to one collector and one signal, a sender to one exporter. The pipeline has them all, and what they
 * share.
 */
#ifndef OXP_PIPELINE_H
#define OXP_PIPELINE_H

#include "pipeline/sender.h"
#include "pipeline/source.h"

/* Only pipeline.c writes it. */
struct pipeline {
	struct budget budget;
	struct source_world source_world;
	struct sender_world sender_world;
	TAILQ_HEAD(source_list, source) sources;
	TAILQ_HEAD(sender_list, sender) senders;
	struct loop_soon room; /* tells the starved */
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

struct source *pipeline_source(struct pipeline *, const struct source_options *);
void pipeline_source_free(struct pipeline *, struct source *); /* NULL is fine */
struct sender *pipeline_sender(
	struct pipeline *, const char *name, const struct exporter_type *, const struct sender_limits *);
/* The sender of that name, or NULL. */
struct sender *pipeline_find_sender(const struct pipeline *, const char *name);

/* From now on batches go out at once and back-off is short. */
void pipeline_drain(struct pipeline *);
bool pipeline_is_draining(const struct pipeline *);
/* Nothing is under way: no open batch, no delivery. */
bool pipeline_idle(const struct pipeline *);
/* Records that are lost in this run, dropped{full} or rejected: once for each destination, as the ledger has them. */
uint64_t pipeline_lost(const struct pipeline *);
/*
 * The end. What is left of a source that cannot be read again is offered to keep(), which answers whether it has a
 * place for it; if not it is dropped and counted. Returns how many records were lost, then and in all of this run.
 */
uint64_t pipeline_abandon(struct pipeline *, bool (*keep)(void *context, const struct send *), void *context);

#endif
