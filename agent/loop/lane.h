/*
 * A lane: one thread for pure work that would hold up the loop. Two exist: CPU (compress, inflate, convert) and disk
 * (commits, queries in slices).
 *
 * A job touches only what it carries. It goes through a bounded queue, runs on the lane's thread, and comes back to the
 * loop thread through an eventfd. Jobs of a lane run in the order in which they were given, and come back in it.
 */
#ifndef OXP_LANE_H
#define OXP_LANE_H

#include "loop/loop.h"

struct lane;

/* Embedded in the caller's own struct, which lives until done() has been called. */
struct job {
	void (*work)(struct job *); /* on the lane's thread; may block */
	void (*done)(struct job *); /* on the loop thread, exactly once for each lane_run() that returned 0 */
	struct job *next; /* the lane's */
};

int lane_new(struct loop *, const char *name, size_t depth, struct lane **ret) MUST_CHECK; /* 0 or -errno */
/* Runs the queued jobs, calls their done(), ends the thread. */
void lane_free(struct lane *);
/* 0; -EAGAIN if `depth` jobs are waiting already: try again from a later callback; -ESHUTDOWN from within
 * lane_free(). */
int lane_run(struct lane *, struct job *) MUST_CHECK;

/* Waits until its work is done, and takes it back: done() is not called. For the end of the process, of a job that a
 * lane_run() took and that has not come back. */
void lane_take_back(struct lane *, struct job *);

#endif
