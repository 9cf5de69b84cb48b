/*
 * One slice with long lines, on its way through the CPU lane. There a line of a megabyte is indexed, or escaped as
 * text, in 2 to 9 ms; then the steps see it (host_prepare()), and if it is long in the lane, too. The loop goes on
 * meanwhile, but `lines` are the slice's: no other slice of the collector may be split.
 *
 * Nothing has happened until lines_lane_offer(): whoever asked for the slice comes back when told, and takes it or
 * forgets it.
 *
 * The lane has a fixed part of `memory` for what it makes. That is enough for most slices; one that needs more is TIGHT
 * and is split on the loop, where each item takes what it needs.
 */
#ifndef OXP_COLLECTORS_LINES_LANE_H
#define OXP_COLLECTORS_LINES_LANE_H

#include "collectors/lines.h"
#include "loop/lane.h"

/* A line that is as long as LINES_LONG, and some that have half of that, are for the lane. On the loop they take 0.6 ms
 * at most, and the steps as much again. */
enum { LINES_LONG = 64 << 10 };

enum lines_stage {
	LINES_IDLE,
	LINES_SPLITTING, /* in the lane */
	LINES_AT_STEPS, /* host_prepare() has it */
	LINES_READY, /* it can be offered */
	LINES_TIGHT, /* its items need more than the lane had for them: the caller splits it itself */
	LINES_NO_ROOM, /* there was none for what steps made of them */
	LINES_FORGOTTEN, /* nobody wants it, but the lane has it with the steps */
};

/* Only lines_lane.c writes it. */
struct lines_lane {
	struct host *host;
	enum lines_stage stage;
	struct job job;
	uint64_t records; /* of the batch, before the steps */
	struct line_slice *in; /* the caller's; stays where it is until the stage is IDLE again */
	void (*split)(void *context); /* splits it, in the lane; touches nothing but the slice and its lines */
	void (*told)(void *context); /* READY, TIGHT or NO_ROOM; on the loop, from a callback of its own */
	void *context;
};

void lines_lane_init(struct lines_lane *, struct host *, void (*split)(void *), void (*told)(void *), void *context);
/* Takes the slice back from wherever it is; fine on zeroed memory. */
void lines_lane_done(struct lines_lane *);

/* Whether there are long lines among these bytes, or may be a long message of several. */
bool lines_are_long(const struct line_slice *, size_t held);
/* The slice has a batch, and its data will stay. False: the caller is to split it itself. */
bool lines_lane_begin(struct lines_lane *, struct line_slice *) MUST_CHECK;
/* A slice is on its way, and wanted. */
static inline bool lines_lane_is_busy(const struct lines_lane *l)
{
	return l->stage == LINES_SPLITTING || l->stage == LINES_AT_STEPS;
}
/* Of a slice that is READY, whose batch has records: it is offered, and IDLE. */
void lines_lane_offer(struct lines_lane *);
/* The slice is not wanted: its batch is freed. */
void lines_lane_forget(struct lines_lane *);

#endif
