/*
 * Offers of doors whose steps take longer than a slice: each turn of the loop shows a part of the batch to the steps. A
 * long line or span is shown to them in the CPU lane.
 * What doors offer meanwhile waits in a line, in its order, whatever its size. What is offered at once
 * (source_prepare()) finds no room while the chain is busy. Its collector is told when the chain is free, which then
 * stays so for a while, so that large offers without end crowd nobody out.
 */
#ifndef OXP_PREPARE_H
#define OXP_PREPARE_H

#include "pipeline/source.h"

struct preparing;

/* Only prepare.c writes it. */
struct preparations {
	struct loop_soon next;
	struct loop_timer rest; /* the chain is left to those who were turned away */
	struct lane *cpu; /* NULL: there is none, or not any more */
	struct loop_soon *room; /* tells collectors that there is room again */
	TAILQ_HEAD(preparing_line, preparing) line; /* the first is under way, if it has a pass */
};

void preparations_init(struct preparations *, struct loop *, struct lane *cpu, struct loop_soon *room);
/* The process ends: whatever is in the line has not happened, done(-ECANCELED). The lane is not asked any more. */
void preparations_halt(struct preparations *);
void preparations_done(struct preparations *); /* the line is empty; fine on zeroed memory */

/* Ends what that owner has in the line, wherever it is there, with -ETIMEDOUT, as if it had not been offered: done() is
 * called within the call. False: it is not there, or a lane has it right now. */
bool source_withdraw(struct source *, const void *owner);

/*
 * As source_prepare() and source_offer(), for a door. ADMIT_WAITS: *batch is NULL, and done() is called exactly once,
 * from a later callback. 0: the batch is prepared, and the callee's; or taken. -ENOMEM: there was no room for what the
 * steps made of it, -EMSGSIZE: nor will there be; it is gone, and nothing has happened. Until done() the source is not
 * idle. `owner` is who may withdraw it; of source_offer_long() that is the context.
 */
enum admit source_prepare_long(struct source *, struct batch **,
	void (*done)(void *context, int failed, struct batch *prepared), void *context, const void *owner) MUST_CHECK;
enum admit source_offer_long(
	struct source *, struct batch **, void (*done)(void *context, int failed), void *context) MUST_CHECK;

#endif
