/*
 * Pacing: how far a door may read ahead of a destination that takes all that it is given.
 *
 * A peer on the same machine can send faster than the destination takes. What piles up then is out of the cache when
 * its turn comes, and gains nobody anything. So a door reads no further while PACING_MOST bytes are queued for a
 * destination that is lively: its last answers each took a whole send. If it settles nothing for PACING_STALL_MS, or a
 * door has been kept waiting for PACING_WAIT_MS, it is not lively any more: doors read on at once, and what comes piles
 * up within `memory`. Each time that happens, more answers are asked for before it is paced by again, so that a
 * destination that is only slow keeps doors waiting for hardly any of the time.
 *
 * It only tells; who asks reads on when told so, or when pacing_patience() is over.
 */
#ifndef OXP_PACING_H
#define OXP_PACING_H

#include "base/clock.h"

enum {
	PACING_MOST = 1 << 20,
	PACING_STALL_MS = 20,
	PACING_WAIT_MS = 250,
	PACING_FEW = 2, /* answers in a row that make a destination lively */
	PACING_MANY = 64, /* the most that are ever asked for */
};

enum pacing_verdict {
	PACING_NOT, /* it is not lively: it says nothing */
	PACING_MORE, /* it would take more */
	PACING_ENOUGH, /* whoever reads for it waits */
};

/* Only pacing.c writes it. Zeroed memory is a destination that has answered nothing yet. */
struct pacing {
	unsigned answers; /* in a row that took all of a send */
	unsigned stalls; /* how often the answers that are asked for have doubled */
	struct mono_time settled; /* the last of the answers */
	struct mono_time waits_since; /* a door waits; 0: none does */
};

/* An answer that took all of its send, or any other end of a try. */
void pacing_took(struct pacing *, struct mono_time now);
void pacing_failed(struct pacing *);
enum pacing_verdict pacing_ask(struct pacing *, struct mono_time now, uint64_t queued);
/* For how long whoever got PACING_ENOUGH waits unless there is an answer; then it asks again. */
struct duration pacing_patience(const struct pacing *, struct mono_time now);

#endif
