/*
 * Watches the process of the host app, which writes its number into a file, and tells if it ends badly.
 *
 * Only its parent is told for sure how a process ended. Others learn it from the kernel (PIDFD_GET_INFO, since Linux
 * 6.15) or, while the parent has not asked yet, from /proc. An exit status of 0 is no crash, and neither are signals
 * that ask a process to end (SIGTERM, SIGINT, SIGHUP). If nobody knows, it counts as a crash: a false alarm costs a
 * dump, a missed crash the flight. The process has to be in the agent's own pid namespace: on a plain machine, or in a
 * pod with shareProcessNamespace.
 */
#ifndef OXP_RECORDER_WATCH_H
#define OXP_RECORDER_WATCH_H

#include "loop/lane.h"
#include "loop/loop.h"

enum { WATCH_WHY = 128 };

struct watch_options {
	struct loop *loop;
	struct lane *disk;
	const char *file; /* with the number; outlives the watch */
	void (*crashed)(void *context, const char *how);
	void *context;
};

/* Only watch.c writes it. */
struct watch {
	struct watch_options options;
	struct loop_timer next;
	struct loop_watch ended;
	struct job job;
	int pid, fd; /* of the process that is watched; fd -1: none is */
	int told; /* the last one that ended: while it is a zombie, its number is nobody else's */
	unsigned tries; /* to learn how it ended */
};

void watch_init(struct watch *, const struct watch_options *);
void watch_done(struct watch *); /* the lanes are empty; fine on zeroed memory */

#endif
