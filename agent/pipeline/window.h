/*
 * How much a destination is given at a time: a window between a small part of one batch and a ceiling of whole ones
 * that follows what the peer takes.
 *
 * One more after each window of answers that came as fast as ever, half as many after a refusal, a tenth less when
 * answers take three times as long as the best of them: then the peer only queues what it is given. Slowness alone
 * leaves two, so that one is on the wire while the peer works on the other. Only sends that had company to the brim of
 * the window are looked at, since a small batch that went alone says nothing. Additive increase, multiplicative
 * decrease (Chiu and Jain 1989), which lets several agents share one server fairly.
 *
 * Below one batch it is how much of a batch goes out, alone. In an outage each refusal halves it down to 1/64, so a
 * destination that is away is asked with little. Each answer within a second doubles it, a slower one adds a
 * tenth: when thousands of agents come back to a server at once, all of them are served within moments, and they stop
 * growing together when it has about a second of work to do.
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
	double best_ms; /* of answers at the brim; 0: none yet. It rises slowly, so that old luck is forgotten */
};

void window_init(struct window *, uint64_t ceiling);
/* Whole sends that may be under way. */
size_t window_size(const struct window *);
/* How much of a batch one send may be, at most 1. */
double window_part(const struct window *);
/* An answer that took it all. `brim`: as many sends were under way as the window allows. */
void window_took(struct window *, struct duration took, bool brim);
/* No answer, or one that says later. `again`: as for some time already, to who asked whether it is better now. */
void window_refused(struct window *, bool again);

#endif
