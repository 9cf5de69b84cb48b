/*
 * The look at the disk that is under way, as seen by the parts of `tail` that handle its answer. Only scans.c writes
 * it.
 */
#ifndef OXP_TAIL_LOOK_H
#define OXP_TAIL_LOOK_H

#include "base/clock.h"
#include "collectors/tail/scan.h"

enum tail_scan_phase {
	TAIL_SCAN_NONE,
	TAIL_SCAN_TOLD, /* it is being told what is known */
	TAIL_SCAN_ASKED, /* the list of what to look for is being made */
	TAIL_SCAN_IN_LANE, /* the lane has it */
	TAIL_SCAN_ANSWERED, /* the answer is being handled, and with it the table's lists, in order */
};

struct tail_look {
	enum tail_scan_phase phase;
	struct tail_scan scan; /* question and answer */
	uint32_t number; /* of the last scan that was answered */
	bool complete; /* an earlier one was sure of its answer */
	bool sweeps; /* this one counts for how long files were idle */
	struct wall_time began; /* when this one did */
	/* When the last one that was sure of its answer began, be it in the last run; else the start. */
	struct wall_time last;
};

/* For the list of the lost: any file that was born since the last look. */
static inline struct tail_identity tail_look_since(const struct tail_look *look)
{
	return (struct tail_identity){ .birth_ns = look->last.ns - DURATION_MS(TAIL_BIRTH_STEP_MS).ns };
}

#endif
