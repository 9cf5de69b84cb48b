/*
 * The spool: what a socket door took and no destination has yet is on disk, and the next start sends it. Under
 * `ack: disk` it is there before the door answers; at the end of the process everything goes there, and what came from
 * a file that the next run will not find goes with it.
 *
 *   offer.c     offer → steps → rows, one commit → the answer; open batch → …
 *   drop.c      … → settled for a route: its rows go
 *   leave.c     the end → rows
 *   lasting.c   what is left out then: the next run can read it again
 *   restore.c   the next start: rows → batches under the same ids; what must not pass them goes to disk, too
 *   rows.c      what a row is made of
 *   books.c     the ledger from one run to the next
 */
#ifndef OXP_SPOOL_H
#define OXP_SPOOL_H

#include "spool/drop.h"
#include "spool/leave.h"
#include "spool/restore.h"

struct spool {
	struct spool_world world;
	struct drops drops;
	struct restores restores;
	struct leave leave;
};

void spool_init(struct spool *, const struct spool_options *);
void spool_done(struct spool *); /* none of its commits is under way; zeroed memory is fine */

/* host_offer_spooled() */
enum admit spool_offer(
	struct spool *, struct source *, struct batch **, void (*done)(void *, int failed), void *context) MUST_CHECK;
/* The same if nobody waits for an answer: what could not be written to disk is taken as by host_offer(). */
enum admit spool_offer_anyway(struct spool *, struct source *, struct batch **) MUST_CHECK;

/* The same while spool_is_reading() that source, which has one destination: it goes to disk behind what is yet to be
 * read, and comes from there in its turn. What could not be written is counted as dropped{full}. */
enum admit spool_offer_behind(struct spool *, struct source *, struct batch **) MUST_CHECK;

/* host_leave() */
enum admit spool_leave(
	struct spool *, struct source *, struct batch **, void (*done)(void *, int failed), void *context) MUST_CHECK;

/* As source_hooks.unspool and .refill. */
void spool_unspool(struct spool *, const struct batch_row *, size_t count);
void spool_refill(struct spool *);

/* At the start: brings back what the last run left for this source; what finds no room in memory follows when there is
 * some. ret_disk[route] is what the spool has in all. Before the books are opened. 0 or -errno. */
int spool_restore(struct spool *, struct source *, struct books_disk *ret_disk) MUST_CHECK;
/* Whether some of that is yet to be read: what is offered now would go before it. */
bool spool_is_reading(const struct spool *, const struct source *);
/* Logs what waits in the spool for a source or a destination that is not there. */
void spool_tell_left(const struct spool *);
/* As state_options.fits. */
bool spool_fits(struct bytes payload, const struct ledger_amount *) MUST_CHECK;
/* As state_options.damaged. */
void spool_damaged(void *spool, const char *key, uint64_t id, const struct ledger_amount *);

/* The process ends and may be killed at any time: what no destination has is written to disk as well. To be called
 * again now and then, since files lose their names. */
void spool_save(struct spool *);
/* The pipeline is halted: what is left in it is written to disk. left() is called when state has all of it. */
void spool_end(struct spool *);
/* The disk is slow: state is given the rest at once. After spool_end(). */
void spool_hurry(struct spool *);
/* After spool_end(): nothing of it is under way. */
bool spool_is_idle(const struct spool *);
/* Records that could not be put on disk at the end. */
uint64_t spool_lost(const struct spool *);

#endif
