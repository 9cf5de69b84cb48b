/*
 * Workers: processes that push the whole of their metrics again and again, and look like one process on /metrics.
 *
 * A worker is a connection, for as long as that lasts; or, if it says a name, whatever pushes under that name. Each
 * body is its whole page. What is shown is the sum over all pages. When the connection ends, the worker's gauges go.
 * What it counted stays: without a name it is folded into what the dead have left at once. With a name that is done
 * after `grace`, for until then the process may connect again and push all of it once more.
 *
 *   live ──connection ends──→ gone ──grace is over, or no name──→ folded
 *     ↑──────pushes again───────┘
 *
 * A page is saved before it counts (push_file.h), so what was shown does not fall in the next run. That begins with all
 * workers gone: those with a name have `grace` to come back, and what they push then replaces what they had before. So
 * it is with those that have no name, but whose process is known (base/peer_process.h): it was not they who ended the
 * connection. If a process had several such connections, nobody knows which one comes back, and none does.
 *
 * Pages and deaths wait in one line and are worked on in slices, as is the sum, which is made when somebody asks for
 * it and something has changed. What is asked for has whatever stood in the line before.
 */
#ifndef OXP_PUSH_WORKERS_H
#define OXP_PUSH_WORKERS_H

#include "base/peer_process.h"
#include "collectors/push_dead.h"
#include "collectors/push_fold.h"
#include "collectors/push_found.h"
#include "collectors/push_show.h"
#include "loop/loop.h"

enum {
	PUSH_WORKER_NAME_MAX = 128,
	PUSH_LINE_MAX = 4, /* pages of one worker in the line; one more is to come again */
	PUSH_CHANGES_MAX = 256, /* pages and deaths in the line, if another page is to be taken */
	PUSH_TRIES_MAX = 30, /* of a change for which there is no memory, one a second; then it is given up */
};

struct push_worker;

/* What its connection is watched with; it is freed when that ends. */
struct push_link {
	struct push_workers *all;
	struct push_worker *worker;
	char process[PEER_PROCESS_ROOM]; /* who made it; "": unknown */
};

/* A page as it was pushed: its text is in the batch, which is never offered and counts as `memory`. */
struct push_worker_page {
	struct batch *batch;
	struct push_text text;
	struct push_saved *saved; /* NULL: nothing is saved */
};

enum push_work {
	PUSH_RESTS,
	PUSH_FOLDS, /* the first in the line */
	PUSH_SAVES_DEAD, /* what they have left is written */
	PUSH_SUMS,
};

struct push_workers {
	struct host *host;
	struct push_modes modes;
	struct duration grace;
	uint64_t seed;
	struct push_worker *first, **last;
	struct push_worker *restored; /* whose pages are being read at the start */
	bool restored_dead; /* the latest of them is marked */
	size_t live, gone, gone_max; /* with a name whose connection has ended; beyond that the oldest is folded */
	uint64_t numbers; /* of workers and of pages, the last one given */
	struct push_change *waiting, **waiting_last;
	size_t in_line; /* how many these are */
	uint64_t changes, wanted; /* the last one's number; up to which a sum is asked for */
	uint64_t asks, summed_for; /* how often it was asked for; when this one was begun */
	bool asked, changed; /* for a sum; since the last one */
	enum push_work work;
	struct push_fold fold;
	unsigned tries; /* of the first in the line, in vain */
	struct push_file *file; /* may be NULL */
	struct push_dead dead;
	struct push_show show;
	struct push_worker *summed; /* whose page is the next of this sum */
	bool short_of_memory;
	struct loop_soon soon;
	struct loop_timer again, ends;
	void (*ready)(void *context); /* what was asked for is there */
	void *context;
	uint64_t *live_shown, *folded, *lost;
};

struct push_workers_options {
	struct push_modes modes;
	struct duration grace;
	size_t gone_max;
	struct push_file *file; /* it outlives them. NULL: nothing is saved */
};

void push_workers_init(struct push_workers *, struct host *, const struct push_workers_options *);
/* Takes what the last run has left. */
struct push_visit push_workers_visit(struct push_workers *);
/* Rules for the sum, which may be NULL. 0 or -ENOMEM. */
int push_workers_relabel(struct push_workers *, const struct option_items *) MUST_CHECK;
/* Whether it can be a name; else `why` says what one is. */
bool push_worker_name_fine(const char *name, const char **why) MUST_CHECK;
/* Whether no page can be taken over that link now: memory is short, or too many of its worker, or of all, wait. */
bool push_workers_full(const struct push_workers *, const struct push_link *) MUST_CHECK;
/* A page has come over that link; takes it over. `name` may be NULL. */
void push_workers_take(struct push_link *, const char *name, const struct push_worker_page *);
/* The connection has ended; frees the link. */
void push_link_closed(void *link);
/* Asks for a sum. True: what is shown is that; otherwise ready() is called. */
bool push_workers_ask(struct push_workers *);
void push_workers_report(const struct push_workers *, struct json_writer *);
void push_workers_done(struct push_workers *); /* all links are closed; fine on zeroed memory */

#endif
