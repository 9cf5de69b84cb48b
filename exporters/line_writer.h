/*
 * Writes items of a batch as lines to a file, pipe or terminal, a bit at a time, in the disk lane.
 *
 * Commits wait in that lane, so a run comes back after about a tenth of a second, or as soon as a pipe has been full
 * for some milliseconds, also in the middle of a line. The next run goes on there. A regular file gets each line as a
 * whole or not at all.
 */
#ifndef OXP_LINE_WRITER_H
#define OXP_LINE_WRITER_H

#include "component.h"

enum line_state { /* of an item */
	LINE_NOT_WANTED,
	LINE_WANTED,
	LINE_UNREADABLE, /* it cannot be made text, and never can */
	LINE_OUT, /* it was written before */
};

/*
 * Invariant: items before `written` are out, or were not wanted; `line` is that of item `written`, or empty; its first
 * `out` bytes are out. Only a run changes that, and only its user reads it, between two runs.
 */
struct line_writer {
	int fd;
	bool regular;
	bool last; /* the line that has been begun, and none behind it; for the user to set, between two runs */
	bool full; /* the pipe was: wait for room before the next run */
	int failed; /* 0 or -errno: it is over */
	const struct batch *batch;
	unsigned char *items; /* an enum line_state for each item of the batch */
	size_t written, out;
	uint64_t bytes; /* that were written, by all runs */
	struct buffer line;
};

/* Keeps the batch. No item is wanted yet. */
void line_writer_init(struct line_writer *, int fd, bool regular, const struct batch *);
/* What it has written can still be seen. */
void line_writer_stop(struct line_writer *);
void line_writer_done(struct line_writer *);
/* In the lane. */
void line_writer_run(struct line_writer *);
/* Whether a reader has been given a part of a line. */
bool line_writer_in_line(const struct line_writer *);
/* Whether there is nothing left to do. */
bool line_writer_is_over(const struct line_writer *);

#endif
