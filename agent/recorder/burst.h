/*
 * Whether so many things have happened within so long. The time is cut into slots, so a burst is seen that takes up to
 * a sixteenth longer than asked for.
 */
#ifndef OXP_RECORDER_BURST_H
#define OXP_RECORDER_BURST_H

#include "base/clock.h"

enum { BURST_SLOTS = 16 };

struct burst {
	uint64_t threshold;
	struct duration within;
	uint64_t counts[BURST_SLOTS + 1];
	int64_t slot; /* the newest, counted from the start of the clock */
};

void burst_init(struct burst *, uint64_t threshold, struct duration within);
/* So many have happened now. Returns how many did within the time, or 0 if that is below the threshold. */
uint64_t burst_add(struct burst *, struct mono_time now, uint64_t count);
/* Counts anew from here. */
void burst_forget(struct burst *);

#endif
