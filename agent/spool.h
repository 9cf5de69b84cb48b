/*
 * The spool at exit and start: what a socket door took and no destination has yet goes to disk, and comes back.
 *
 * A payload is items one after another: place, size and records as numbers of this machine, then the bytes. Rows are
 * about a MiB, one larger item is a row of its own.
 */
#ifndef OXP_SPOOL_H
#define OXP_SPOOL_H

#include "pipeline/sender.h"

struct agent;

/* Copies what the send has left into a change. True: it will be on disk with the last commit. What is copied has a
 * ceiling, so that memory does not hold everything twice at the end: beyond it the loop turns until the disk has it. */
bool spool_keep(void *agent, const struct send *);
/* Brings back what the last run left for this source. What finds no room in memory comes as rows before it go. Answers
 * how much is in the spool in all, by route. */
int spool_restore(struct agent *, struct source *, struct ledger_amount *ret_amounts) MUST_CHECK;
void spool_done(struct agent *);
/* Logs what waits in the spool for a source or a destination that is not there. */
void spool_tell_left(struct agent *);

#endif
