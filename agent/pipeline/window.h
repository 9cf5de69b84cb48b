/*
 * How many sends a destination is given at a time: a window between 1 and a ceiling that follows what the peer takes.
 *
 * One more after each window of answers that came as fast as ever, half as many after a refusal, a tenth less when
 * answers take three times as long as the best of them: then the peer only queues what it is given. Slowness alone
 * leaves two, so that one is on the wire while the peer works on the other. Only sends that had company to the brim of
 * the window are looked at, since a small batch that went alone says nothing. Additive increase, multiplicative
 * decrease (Chiu and Jain 1989), which lets several agents share one server fairly.
 */
#ifndef OXP_WINDOW_H
#define OXP_WINDOW_H

#include "base/clock.h"

/*
 * Invariant: 1 <= allowed <= ceiling.
 */
struct window {
	double allowed, ceiling;
	double best_ms; /* of answers at the brim; 0: none yet. It rises slowly, so that old luck is forgotten */
};

void window_init(struct window *, uint64_t ceiling);
/* Whole sends that may be under way. */
size_t window_size(const struct window *);
/* An answer that took it all. `brim`: as many sends were under way as the window allows. */
void window_took(struct window *, struct duration took, bool brim);
/* No answer, or one that says later. */
void window_refused(struct window *);

#endif
