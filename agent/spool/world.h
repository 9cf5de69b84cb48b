/*
 * What the parts of the spool share: what it was given, and the phase that it is in.
 */
#ifndef OXP_SPOOL_WORLD_H
#define OXP_SPOOL_WORLD_H

#include "pipeline/pipeline.h"
#include "state/state.h"

enum spool_phase {
	SPOOL_OPEN, /* rows are written under `ack: disk`, and deleted when they have settled */
	SPOOL_SAVING, /* the process ends: what no destination has is written while destinations are still asked */
	SPOOL_ENDING, /* nothing more is sent: what is left is written, and nothing is read back */
	SPOOL_PHASES
};

struct spool_options {
	struct loop *loop;
	struct state *state;
	const struct log *log;
	const struct ledger *ledger;
	struct pipeline *pipeline;
	size_t memory; /* of all batches, in bytes: an eighth of it may be on its way to the disk at the end */
	/* Both from a callback of the loop, or from within spool_end() or spool_hurry(). */
	void (*left)(void *context); /* nothing is left in the pipeline: state has been given all of it */
	void (*committed)(void *context); /* in SPOOL_ENDING: one of the spool's commits is done */
	void *context;
};

/* Only spool.c writes it. */
struct spool_world {
	struct spool_options options;
	enum spool_phase phase;
};

/* For the books of the next start: what is in rows before `up_to` has been received, or is about to be. */
static inline void spool_know(struct ledger_row *row, uint64_t up_to)
{
	if (row->live->term[LEDGER_SPOOLED_TO].records < up_to)
		ledger_set_spooled_to(row, up_to);
}

#endif
