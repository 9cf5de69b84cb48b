/*
 * The groups of the Pushgateway's API: what was pushed last under each grouping key, until it is deleted or has not
 * been pushed to for `ttl`.
 *
 * A group is a target of the series table with the labels of its key. The texts of its pages are kept: a page that
 * replaces some families of the group is staged together with the older pages, from which these families are left out.
 * A page whose families have all been replaced goes. Pages are applied one after another, in slices; each becomes
 * visible as a whole.
 *
 * A page is saved before it is shown (push_file.h), most of them before they are answered; the next run goes on with
 * them. What is deleted or replaced does not come back.
 *
 * Beside its families a group has push_time_seconds and push_failure_time_seconds, as the Pushgateway has it.
 */
#ifndef OXP_PUSH_GROUPS_H
#define OXP_PUSH_GROUPS_H

#include "collectors/push_families.h"
#include "collectors/push_found.h"
#include "collectors/refusals.h"
#include "collectors/relabelling.h"
#include "component.h"
#include "loop/loop.h"
#include "proto/exposition_read.h"
#include "proto/push_path.h"
#include "series/series.h"

enum {
	PUSH_PAGES_MAX = 128, /* of a group; one more is refused */
	PUSH_WAITING_MAX = 256, /* pages of all groups that wait to be applied, the same */
	PUSH_LEAVING_MAX = 64, /* groups that were deleted and are being freed; then there are no new ones */
};

struct push_group;

/* One page, as it was pushed. Its text is in the batch, which is never offered and counts as `memory`. */
struct push_page {
	struct push_page *older;
	struct push_page *next; /* that waits to be applied; then `group` and `replaces` are set, too */
	struct push_group *group;
	uint64_t count; /* its number in the order in which pages came */
	bool replaces; /* all that the group has */
	unsigned shown; /* lines of it, when it was staged last */
	struct batch *batch;
	struct bytes text;
	enum exposition_format format;
	struct push_saved *saved; /* NULL: nothing is saved */
	bool named; /* its group was written behind it */
};

struct push_options {
	struct duration ttl; /* 0: none */
	size_t groups;
	const struct option_items *relabel; /* NULL: none */
	struct push_file *file; /* it outlives them. NULL: nothing is saved */
};

/* Invariant: applied is the first of `waiting`, or NULL; then nothing is being staged. */
struct push_groups {
	struct host *host;
	struct duration ttl; /* 0: none */
	struct push_file *file; /* may be NULL */
	struct push_group *restored; /* whose pages are being read at the start */
	bool left_behind; /* not all groups of the last run have a place */
	size_t groups_max, count, leaving_count;
	uint64_t seed;
	struct push_group *first, *leaving; /* the latter are tidied before they are freed */
	struct push_page *waiting, **waiting_last;
	size_t in_line; /* how many these are */
	struct push_page *applied, *page; /* the page that is staged now: that one, or an older one */
	unsigned number; /* of that page, from 1 on */
	size_t at; /* how much of it was read */
	uint64_t bytes; /* of the pages that are new in what is staged */
	struct exposition_reader reader;
	struct push_family family;
	struct push_families families;
	struct refusals refusals;
	struct relabelling relabel;
	struct loop_soon work, tidy;
	struct loop_timer expiry;
	uint64_t pages, wanted; /* the last one's number; up to which it is asked for */
	void (*ready)(void *context); /* what was asked for is applied. May come more often */
	void *context;
	uint64_t *groups, *expired;
};

/* 0 or -ENOMEM. push_groups_done() either way. */
int push_groups_init(struct push_groups *, struct host *, const struct push_options *) MUST_CHECK;
/* NULL; or why nothing can be pushed to that group now: too many groups, or pages. */
const char *push_groups_full(const struct push_groups *, const struct push_key *, bool replaces);
/* Takes what the last run has left. */
struct push_visit push_groups_visit(struct push_groups *);
/* Takes a page that push_page_check() found fine, and the batch it is in. False: there is no memory, and nothing has
 * happened. */
bool push_groups_take(struct push_groups *, const struct push_key *, const struct push_page *) MUST_CHECK;
/* The group, if there is one, was pushed to in vain. */
void push_groups_failed(struct push_groups *, const struct push_key *);
void push_groups_delete(struct push_groups *, const struct push_key *);
/* Asks for what has come so far. True: it is applied; otherwise ready() is called. */
bool push_groups_ask(struct push_groups *);
bool push_groups_ready(const struct push_groups *); /* whether what was asked for is applied */
void push_groups_report(const struct push_groups *, struct json_writer *);
void push_groups_done(struct push_groups *); /* fine on zeroed memory */

#endif
