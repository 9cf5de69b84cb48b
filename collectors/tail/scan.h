/*
 * A look at the disk for `tail`: which files the globs match now, which folders to watch for more, and where the files
 * are that lost their names, or were cut down, while nobody looked. Runs in a lane, since ten thousand names take tens
 * of milliseconds: in the CPU lane, since names are in memory most of the time, and in the disk lane a new file would
 * wait for every fsync before it.
 */
#ifndef OXP_TAIL_SCAN_H
#define OXP_TAIL_SCAN_H

#include "collectors/tail/births.h"
#include "collectors/tail/cuts.h"
#include "collectors/tail/lost.h"
#include "collectors/tail/walk.h"
#include "loop/lane.h"

/* What it is asked. While it is in the lane nobody writes it. */
struct tail_question {
	const struct clock *clock;
	struct tail_globs globs;
	struct tail_births births;
	struct wall_time known_before; /* the last look of the last run; 0: it is not known */
	struct tail_identity unseen; /* born since then: what was rotated from names that nobody has seen; 0: nothing */
	int inotify; /* where folders are watched; -1: nowhere */
	bool all_silent; /* inotify is not trusted anywhere */
	struct tail_budget room; /* for what is found */
};

struct tail_scan {
	struct job job;
	struct tail_question asked; /* scans.c */
	/* What is looked for, and what is known. lost.c, cuts.c and marks.c write them, also with the scan's
	 * answers. */
	struct tail_lost_list lost;
	struct tail_cut_list cuts;
	struct tail_marks marks;
	/* The answer. */
	struct mono_time now; /* when the lane had it */
	struct tail_walk walk;
	struct tail_found_list rotated; /* beside the names of `lost`, oldest first */
	struct tail_found_list copies; /* of `cuts`, as far as those were read or farther */
	struct tail_budget left; /* of the room */
	bool unlisted; /* a folder in which lost files are looked for could not be read */
	bool clock_set; /* meanwhile: which file is newer was not known */
	struct duration took; /* without the time in the lane's queue */
};

/* Whether a copy of the file of that generation was found. */
bool tail_scan_has_copy(const struct tail_scan *, uint64_t generation);
/* Frees the answer and the question. */
void tail_scan_clear(struct tail_scan *);
/* Work of the job. */
void tail_scan_work(struct job *);

#endif
