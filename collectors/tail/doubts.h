/*
 * Whether the answer of a scan shows everything. A folder that is read while names change in it may not show them all.
 * What a doubtful answer says about known files is right; everything else is asked for again by the next scan.
 */
#ifndef OXP_TAIL_DOUBTS_H
#define OXP_TAIL_DOUBTS_H

#include "base/base.h"

struct tail_doubts {
	bool renames; /* were told of since the scan began */
	bool unsure; /* of the answer */
	bool put_off; /* a file that was found begins only after the next scan */
	unsigned unsure_scans; /* in a row */
	/* Files that are compressed, or may be, and wait for their turn: positions that may be theirs are kept. */
	size_t packed_waiting;
};

void tail_doubts_scan_begins(struct tail_doubts *);
void tail_doubts_renamed(struct tail_doubts *);
void tail_doubts_answered(struct tail_doubts *);
/* All events that came before the answer have been heard. `unlisted`: a folder could not be read. */
void tail_doubts_judge(struct tail_doubts *, bool unlisted);
void tail_doubts_put_off(struct tail_doubts *);
void tail_doubts_packed_waits(struct tail_doubts *);
/* Whether the scan found something that is not known yet, or may have missed something. */
bool tail_doubts_any(const struct tail_doubts *);

#endif
