/*
 * Suspects: whose fault it is that a destination fails.
 *
 * A send collects strikes if it gets no answer, or one that reports a failure. With enough of them it is a suspect, and
 * other sends go first. If one of those is taken, the destination is not to blame: the suspect is put on trial, which
 * is one more try, unchanged. If it fails again and is a single item, that item is refused with the reason; if it has
 * several items, its halves are suspects. Each time that others are taken allows one refusal, because an outage with
 * pauses must not refuse everything that waits. If nothing is taken at all, the destination is to blame, and everything
 * waits as in an outage. If there is nothing to compare the suspect with, its halves are tried (up to LONE_SPLITS_MAX
 * times), the smallest first, and compared with each other.
 *
 * A send that got no answer may also be compared with a send of no items, if the exporter has these. If that is
 * answered, the next try counts against the send: if there is no answer again, its halves are tried; a single item is
 * refused after two such tries. Each answer to an empty send is good for one try, so a destination that goes away
 * meanwhile stops this. There is no back-off in between: a batch of nothing but bad items is sorted out as fast as the
 * destination breaks its connections. An empty send says nothing about failures that are reported (500): items with
 * these wait for others.
 *
 * A send that is called back (scout.h) is not to blame alone: it may have been lost when the destination hung. Of
 * several items it is one strike, of a single one none, since the scout was that item.
 */
#ifndef OXP_SUSPECTS_H
#define OXP_SUSPECTS_H

#include "pipeline/send.h"

/* Only suspects.c writes it, and `suspicion` of a send. */
struct suspects {
	bool empties; /* the destination may be asked with a send of no items */
	bool vouched; /* such a send was answered, and nothing has been tried since */
	bool unheard; /* such a send was not answered, and nothing has been tried since */
	uint64_t takings; /* tries in which something was taken */
	uint64_t takings_used; /* their number when a suspect was last refused */
	unsigned lone_splits; /* with nothing taken between */
};

void suspects_init(struct suspects *, bool empties);
bool suspects_has(const struct send *);
/* Which of two suspects is tried first. */
bool suspects_goes_before(const struct suspects *, const struct send *, const struct send *);
/* Whether the destination took another send since this suspect failed, so that its next try can be compared. */
bool suspects_is_compared(const struct suspects *, const struct send *);
/* Whether this send should be tried only when a send of no items was answered. `alone`: nothing else is under way. */
bool suspects_must_ask(const struct suspects *, const struct send *, bool alone);
/* That send has ended. */
void suspects_heard(struct suspects *, bool answered);

/* Whether there are so many pieces that no send is cut while nothing is taken; and that one was cut. */
bool suspects_keep_whole(const struct suspects *);
void suspects_cut(struct suspects *);
/* Halves a suspect that is about to be tried, if its halves tell more. */
void suspects_halve_alone(struct suspects *, struct send *);

/* A try begins. */
void suspects_begin(struct suspects *, struct send *);
/* The outcome of its items that were not named: a single one is refused if that shows that it is to blame. */
enum outcome suspects_settle_as(const struct send *, enum outcome rest);
/* What it was compared with, when it is refused for that. */
const char *suspects_convict(struct suspects *, const struct send *);
/* Whether one item that failed among others of the same request is refused for that. */
bool suspects_refuse_item(const struct send *);
/* The try has ended: counts what that shows. */
void suspects_ended(struct suspects *, struct send *, enum outcome rest);
/* Whether what failed is this send, and not the destination, which has just answered an empty one. */
bool suspects_blame(const struct send *, enum outcome rest);
/* Splits what is left of it if the outcome calls for that. */
void suspects_split(struct suspects *, struct send *, enum outcome rest);
void suspects_check(const struct suspects *);

#endif
