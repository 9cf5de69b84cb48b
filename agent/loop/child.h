/*
 * A process of our own that looks at something: what would block, take long or trust a peer too much on the loop.
 *
 * The program starts itself anew with posix_spawn(), which shares our memory until the exec, so that it takes the same
 * few hundred microseconds however large we are; our own program is what is in memory already. The process leads a
 * group of its own. Its third word is our number: if its parent has another, we have ended, and so should it. It
 * reads what to look at on its standard input, prints why not, and ends with 0 if all is fine. When its time is up,
 * its whole group is killed.
 */
#ifndef OXP_CHILD_H
#define OXP_CHILD_H

#include <sys/types.h>

#include "base/bytes.h"
#include "loop/loop.h"

enum {
	CHILD_TASK_MAX = 16 << 10, /* what it is told; a pipe takes it at once */
	CHILD_SAID_MAX = 512, /* what is kept of its output */
	CHILD_WORD_MAX = 31,
	CHILD_OUTPUT_MAX = 64 << 10, /* after that it is killed */
};

enum child_state {
	CHILD_NONE,
	CHILD_RUNS,
	CHILD_KILLED, /* it was, and has not been waited for yet */
};

/* How it ended. */
struct child_end {
	int status; /* as waitpid() has it */
	bool flooded; /* it was killed, for its output */
	const char *said; /* the beginning of its output */
};

/*
 * Invariant: `pid` is ours to wait for unless CHILD_NONE; `out` is -1 unless CHILD_RUNS.
 */
struct child {
	struct loop *loop;
	enum child_state state;
	pid_t pid;
	int out;
	struct loop_watch watch;
	struct loop_signal died;
	bool flooded;
	size_t said_size, output;
	char said[CHILD_SAID_MAX + 1];
	/* It has ended; from a later callback, exactly once for each child_start() that returned 0, unless stopped. */
	void (*ended)(void *context, const struct child_end *);
	void *context;
};

/* 0 or -errno. */
int child_init(
	struct child *, struct loop *, void (*ended)(void *, const struct child_end *), void *context) MUST_CHECK;
void child_done(struct child *); /* kills it; fine on zeroed memory */
/* 0, or -errno; -EBUSY: the one that was stopped is still dying. `argv`: two words of at most
 * CHILD_WORD_MAX bytes. */
int child_start(struct child *, const char *const argv[2], struct bytes task) MUST_CHECK;
void child_stop(struct child *); /* kills its group; ended() is not called */

#endif
