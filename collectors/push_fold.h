/*
 * What of a worker's old page has to be kept because its new page does not have it any more.
 *
 * Of a worker that is dead that is all that lasts. Of one that has pushed again it is whatever began anew: if one
 * series of a group, such as a bucket of a histogram, is smaller now or is missing, then all of the group is kept as
 * it was, since a process counts them together.
 *
 * What is kept is added to `dead`, all of it or nothing: room is made there for all before the first is added.
 */
#ifndef OXP_PUSH_FOLD_H
#define OXP_PUSH_FOLD_H

#include "collectors/push_sum.h"

struct push_text {
	struct bytes text;
	enum exposition_format format;
};

enum push_fold_stage {
	FOLD_READ_NEW,
	FOLD_READ_OLD,
	FOLD_COMPARE,
	FOLD_RESERVE_NATIVES,
	FOLD_RESERVE,
	FOLD_ADD, /* from here on a part of it is with the dead */
	FOLD_ADD_NATIVES,
	FOLD_DONE,
};

struct push_fold {
	struct host *host;
	const struct push_modes *modes;
	uint64_t seed;
	struct push_sum *dead;
	struct push_text old, new;
	bool ended; /* there is no new page */

	/* Only push_fold.c writes these. */
	enum push_fold_stage stage;
	bool walking, failed;
	bool partial; /* the new page has series that are not in `fresh` */
	struct push_walk walk;
	struct push_sum fresh, before; /* what lasts of both pages */
	const struct push_total *at;
	const struct push_native *native;
	uint64_t kept; /* series that are in `dead` now */
	uint64_t lost; /* that found no place there */
};

enum push_progress { PUSH_MORE, PUSH_DONE, PUSH_STUCK /* no memory: nothing has changed, begin again later */ };

/* All above the line is set. The texts stay until the end. */
void push_fold_begin(struct push_fold *);
enum push_progress push_fold_some(struct push_fold *) MUST_CHECK;
void push_fold_done(struct push_fold *); /* fine twice, and on zeroed memory */

#endif
