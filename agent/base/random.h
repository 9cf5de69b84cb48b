/*
 * Randomness that is given, never global: seeded from the kernel in the program, from a number in tests.
 * Good for jitter and for ids that must not collide by accident; not for secrets.
 */
#ifndef OXP_RANDOM_H
#define OXP_RANDOM_H

#include "base/base.h"

struct random {
	uint64_t state[2];
};

void random_seed(struct random *, uint64_t seed);
int random_seed_kernel(struct random *) MUST_CHECK; /* 0 or -errno */
uint64_t random_next(struct random *);
uint64_t random_below(struct random *, uint64_t bound); /* 0 … bound - 1; bound > 0 */

#endif
