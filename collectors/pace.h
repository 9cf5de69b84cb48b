/*
 * How many bytes a collector deals with in one callback: as many as keep it well under a millisecond, whatever is done
 * to them (steps, traces, escapes), which shows only by doing it.
 */
#ifndef OXP_COLLECTORS_PACE_H
#define OXP_COLLECTORS_PACE_H

#include "base/clock.h"

struct pace {
	size_t most; /* bytes of one callback, from `least` to `ceiling` */
	size_t least, ceiling;
	unsigned slow, brisk; /* callbacks in a row */
};

/* One of `size` bytes took so long. */
void pace_learn(struct pace *, size_t size, struct duration took);

#endif
