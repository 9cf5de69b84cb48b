/*
 * The steps of a signal, run over a batch before it is gathered with others.
 *
 * Each line is indexed once, shown to the steps in their order, and, if it has edits, written once, into memory of the
 * batch's budget. A line without edits is not copied. The places of items do not change, so their ids stay. What a step
 * drops is summed up in the batch and counted when the batch is sealed, so a position moves past it as it does past
 * what is delivered. A line that is not a JSON object is dropped, because no step can read it. A run of lines that a
 * step folds into one ends with the batch, so nothing waits for it.
 *
 * An item of spans is a request of several. Its spans are shown to the steps one by one (proto/otlp_edit.h), and those
 * that a step drops are cut out of it; an item that has none left ends here. A request that no step edits is not
 * copied, and one that cannot be edited within STEP_SCRATCH_MAX is dropped.
 */
#ifndef OXP_CHAIN_H
#define OXP_CHAIN_H

#include "pipeline/batch.h"
#include "pipeline/step.h"

enum {
	STEPS_MAX = 32,
	STEP_SCRATCH_MAX =
		48 << 20, /* what the edits of one line or request may take: the longest line, hashes in it */
};

struct chain {
	struct chain_row rows[STEPS_MAX];
	size_t count;
	struct json_edit *edit, *closing; /* of the line that is looked at, and of one that others were folded into */
	struct otlp_edit *request; /* of the request of spans that is looked at */
};

struct chain *chain_new(void) __attribute__((returns_nonnull));
void chain_free(struct chain *); /* destroys the steps; NULL is fine */
/* 0; -ENOSPC: there are STEPS_MAX; -EEXIST: another step folds. The chain owns the step only if this returns 0. */
int chain_add(struct chain *, const struct step_type *, struct step *, uint64_t *dropped) MUST_CHECK;
/* 0, and *batch is as it will be sent; or -ENOMEM, no room, and nothing has happened. `stream` makes all of the batch
 * one stream, such as the run of a door whose clients name each record; 0: records of one generation are a stream. */
int chain_run(struct chain *, struct batch **batch, uint64_t stream, struct mono_time now) MUST_CHECK;

#endif
