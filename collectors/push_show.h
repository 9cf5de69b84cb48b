/*
 * The sum over all workers, and how it comes on /metrics: what the dead have left, then page by page what the others
 * have, then all of it as a scrape of one target. It is made in slices.
 */
#ifndef OXP_PUSH_SHOW_H
#define OXP_PUSH_SHOW_H

#include "collectors/push_fold.h"
#include "collectors/refusals.h"
#include "collectors/relabelling.h"
#include "loop/loop.h"
#include "series/series.h"

struct push_show_page {
	struct push_text text;
	const char *worker; /* the label's value for PUSH_ALL, as it is written in a page */
	uint64_t number; /* which grows */
	bool lives; /* so its gauges count */
};

struct push_show_options {
	const struct push_modes *modes;
	const struct push_sum *dead;
	/* The next page of this sum. False: there are no more. What it points to stays until the next call, or the end
	 * of the sum. */
	bool (*next)(void *context, struct push_show_page *ret);
	void *context;
};

enum push_show_stage {
	SHOW_RESTS,
	SHOW_DEAD, /* begins the sum with what the dead have left */
	SHOW_DEAD_NATIVES,
	SHOW_PAGES,
	SHOW_STAGES, /* the sum becomes a scrape of `target` */
};

/* Of one sum. */
struct push_show_counts {
	size_t series, clashes, over_ceiling, bytes;
	uint64_t left_out[PUSH_LEFT_KINDS];
};

/* Only push_show.c writes it. */
struct push_show {
	struct host *host;
	struct push_show_options options;
	uint64_t seed;
	enum push_show_stage stage;
	struct push_sum sum;
	struct push_walk walk;
	struct push_show_page page; /* that is being walked through */
	bool walking;
	const struct push_total *at;
	const struct push_native *native;
	struct push_show_counts counts, last; /* of this sum; of the last one that is shown */
	struct series_target *target; /* NULL before the first page */
	struct refusals refusals;
	struct relabelling relabel;
	struct loop_soon tidy;
};

void push_show_init(struct push_show *, struct host *, uint64_t seed, const struct push_show_options *);
/* Rules for the sum, which may be NULL. 0 or -ENOMEM. */
int push_show_relabel(struct push_show *, const struct option_items *) MUST_CHECK;
/* Then what the options lead to stays as it is until that is over. */
void push_show_begin(struct push_show *);
/* PUSH_DONE: it is shown. PUSH_STUCK: without memory, what was shown stays. */
enum push_progress push_show_some(struct push_show *) MUST_CHECK;
void push_show_report(const struct push_show *, struct json_writer *);
void push_show_done(struct push_show *); /* fine on zeroed memory */

#endif
