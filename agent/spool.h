/*
 * The spool: what a socket door took and no destination has yet is on disk, and comes back at the next start. At the
 * end of the process all of it goes there; what a door answers for by `ack: disk` stands there before the answer.
 *
 *   offer → steps → rows, one commit → the answer; open batch → … → settled for a route: its rows go
 *   SIGKILL, or the end → rows → the next start: batches under the same ids
 *
 * A payload is items one after another: place, size and records as numbers of this machine, then the bytes. Rows are
 * about a MiB, one larger item is a row of its own.
 */
#ifndef OXP_SPOOL_H
#define OXP_SPOOL_H

#include "pipeline/pipeline.h"

struct agent;
struct books_disk;

/* host_offer_kept() */
enum admit spool_offer(struct agent *, struct source *, struct batch **, void (*done)(void *, int failed),
	void *context) MUST_CHECK;
/* The same for who has nobody to answer: what could not be put on disk is taken as by host_offer(). */
enum admit spool_offer_anyway(struct agent *, struct source *, struct batch **) MUST_CHECK;
/* The process ends and nobody knows when it is killed: what no destination has goes to the spool, and on its way
 * besides. Comes again by itself while there is more. */
void spool_save(struct agent *);
/* For pipeline_abandon(): stages what the send has left. True: it is on disk, or will be with the last commit. What
 * that takes has a ceiling: beyond it the loop turns until the disk has it. */
bool spool_keep(void *agent, const struct send *);
void spool_keep_end(struct agent *); /* behind the last spool_keep() */
/* As source_hooks.unspool and .refill. */
void spool_unspool(struct agent *, const struct batch_row *, size_t count);
void spool_refill(struct agent *);
/* Brings back what the last run left for this source. What finds no room in memory comes as rows before it go. Answers
 * what is in the spool in all, by route. Before the books are opened. */
int spool_restore(struct agent *, struct source *, struct books_disk *ret_disk) MUST_CHECK;
/* A row turned out damaged when it was read back: what was in it is not held any more. */
void spool_damaged(void *agent, const char *key, uint64_t id, const struct ledger_amount *);
/* Deletes once more what could not be deleted: of a timer, and at the end. */
void spool_leave(void *agent);
void spool_done(struct agent *);
/* Logs what waits in the spool for a source or a destination that is not there. */
void spool_tell_left(struct agent *);

#endif
