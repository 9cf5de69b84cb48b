/*
 * Back-off: how long to wait before a destination that failed is asked again.
 *
 * The longest wait doubles with each failure in a row. It stops at a second for the first ten minutes: one small
 * request a second costs a destination nothing, and delivery resumes within a second of its return. The wait is a
 * random part of it, so that agents that failed at the same moment spread out. Once the ceiling is a second, the wait
 * is at least half of it. If the destination asked for a wait (Retry-After), that is obeyed, plus up to a second, since
 * it told other agents the same.
 */
#ifndef OXP_BACK_OFF_H
#define OXP_BACK_OFF_H

#include "base/clock.h"
#include "base/random.h"

enum { BACK_OFF_STEADY_MS = 1000 }; /* the ceiling in the first minutes, unless `first` is more */

/* Only back_off.c writes it. */
struct back_off {
	struct duration first, last; /* the first ceiling, and the highest, after ten minutes of failures */
	struct duration ceiling; /* of the latest wait; 0: none since then */
	struct mono_time not_before; /* the latest that the destination has asked for */
};

void back_off_init(struct back_off *, struct duration first, struct duration last);
/* It failed once more, and has been failing for that long: how long to wait. */
struct duration back_off_wait(struct back_off *, struct random *, struct mono_time now, struct duration outage);
/* The destination wants nothing more for that time. One of several sends under way may be told so while the others just
 * break: the longest wait stays. */
void back_off_asked(struct back_off *, struct mono_time now, uint64_t ms);
bool back_off_forbids(const struct back_off *, struct mono_time now); /* by what the destination asked for */
void back_off_over(struct back_off *); /* it works again */

#endif
