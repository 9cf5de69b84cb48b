/*
 * How much a destination is given at a time: a window between a small part of one batch and a ceiling of whole ones
 * that follows what the peer takes.
 *
 * It grows by one after each window of answers that were as fast as ever, is halved after a refusal, and shrinks by a
 * tenth if answers take three times as long as the best one: then the peer only queues what it is given. Slowness alone
 * leaves two, so that one is on the wire while the peer works on the other. Only a send that filled the window counts,
 * because a small batch that went alone says nothing. This is additive increase and multiplicative decrease (Chiu and
 * Jain 1989), which lets several agents share one server fairly.
 *
 * Below 1 it is the part of a batch that one send takes, alone. In an outage each refusal halves it, down to 1/64, so a
 * destination that is away is tried with little. Each answer within a second doubles it, and a slower one adds a tenth.
 * When thousands of agents come back to a server at once, all of them are served within moments, and they stop growing
 * together when the server has about a second of work to do.
 */
#ifndef OXP_WINDOW_H
#define OXP_WINDOW_H

#include "base/clock.h"

/*
 * Invariant: 1 / WINDOW_PARTS <= allowed <= ceiling.
 */
enum { WINDOW_PARTS = 64 };
struct window {
	double allowed, ceiling;
	double best_ms; /* of answers with a full window; 0: none yet. It rises slowly, so that old luck is forgotten */
};

void window_init(struct window *, uint64_t ceiling);
/* Whole sends that may be under way. */
size_t window_size(const struct window *);
/* How much of a batch one send may be, at most 1. */
double window_part(const struct window *);
/* An answer that took everything. `brim`: the window was full. */
void window_took(struct window *, struct duration took, bool brim);
/* No answer, or one that says "later". `again`: it was a probe, and the destination has failed for some time. */
void window_refused(struct window *, bool again);

#endif
