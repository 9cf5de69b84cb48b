/*
 * How many bytes a collector handles in one callback: as many as take well under a millisecond. What is done to them
 * (steps, traces, escapes) differs, so this is measured.
 */
#ifndef OXP_COLLECTORS_PACE_H
#define OXP_COLLECTORS_PACE_H

#include "base/clock.h"

struct pace {
	size_t most; /* bytes per callback, from `least` to `ceiling` */
	size_t least, ceiling;
	unsigned slow, brisk; /* callbacks in a row */
};

/* A callback with `size` bytes took that long. */
void pace_learn(struct pace *, size_t size, struct duration took);

#endif
