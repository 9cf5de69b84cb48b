/*
 * The look at the disk that is under way, as the parts of `tail` that work its answer through may see it. Only scans.c
 * writes it.
 */
#ifndef OXP_TAIL_LOOK_H
#define OXP_TAIL_LOOK_H

#include "base/clock.h"
#include "collectors/tail/scan.h"

enum tail_scan_phase {
	TAIL_SCAN_NONE,
	TAIL_SCAN_TOLD, /* what is known is told to it */
	TAIL_SCAN_ASKED, /* what is to be looked for is put together */
	TAIL_SCAN_IN_LANE, /* the lane has it */
	TAIL_SCAN_ANSWERED, /* the answer is worked through, and with it the table's lists, in order */
};

struct tail_look {
	enum tail_scan_phase phase;
	struct tail_scan scan; /* question and answer */
	uint32_t number; /* of the last scan that was answered */
	bool complete; /* there was one before that was sure of its answer */
	bool sweeps; /* this one counts for how long files were idle */
	struct wall_time began; /* when this one did */
	struct wall_time last; /* when the last one that was sure of its answer did; at first, the start */
};

#endif
