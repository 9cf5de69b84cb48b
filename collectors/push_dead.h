/*
 * What the dead have left: its sum, and how that outlives the process.
 *
 * The page of a worker that has died stays in the file, marked, and so does one whose process has begun anew. The next
 * run folds them once more. When they are many, or large, the whole sum is written in their place, as pages of text
 * (push_file.h): then they go. So what a death writes is on average no more than twice what its worker had.
 *
 * If a process begins anew under its name, the sum is due at once. Until it is written, pages that are replaced stay,
 * since the next run has to see each of them to find out what began anew.
 */
#ifndef OXP_PUSH_DEAD_H
#define OXP_PUSH_DEAD_H

#include "collectors/push_file.h"
#include "collectors/push_sum.h"

enum {
	PUSH_DEAD_PAGES_MAX = 64, /* marked pages; then the sum is written */
	PUSH_DEAD_KEPT_MAX = 4096, /* of these, while it cannot be written; further ones go */
	PUSH_DEAD_KEPT_BYTES = 16 << 20, /* of them, if the sum finds no room; then they go */
	PUSH_DEAD_BYTES_LEAST = 64 << 10, /* as much of them, or as the last sum had, whichever is more: the same */
};

struct push_kept;

struct push_dead {
	struct push_file *file; /* may be NULL */
	struct push_sum sum;
	struct push_kept *kept; /* marked, not in `saved` yet */
	size_t kept_count, kept_bytes;
	bool begun_anew; /* one of them has */
	struct mono_time not_before; /* since it failed */
	struct push_saved *saved, *making; /* NULL: none */
	uint64_t losses; /* of the file, that are made good or were when `making` began */
	const struct push_total *at; /* of `making` */
	const struct push_native *native; /* behind them */
	bool totals_done;
	const struct push_family_total *family; /* that was named last in `part` */
	struct buffer part, head;
};

void push_dead_init(struct push_dead *, struct host *, uint64_t seed, struct push_file *);
/* What a page counted is in the sum now; `owner`, unless it is NULL, goes with the page, and is freed. Both may be of a
 * file that does not work. */
void push_dead_keep(struct push_dead *, struct push_saved *, struct push_owner *owner, size_t bytes);
/* The same of a page whose process has begun anew. */
void push_dead_keep_anew(struct push_dead *, struct push_saved *, size_t bytes);
/* Whether pages that are replaced have to be kept, too. */
bool push_dead_owes(const struct push_dead *) MUST_CHECK;
/* Whether the sum is to be written; then it stays as it is until that is over. */
bool push_dead_due(const struct push_dead *, struct mono_time now) MUST_CHECK;
/* Begins, or goes on. False: it is over, whether it failed or not. */
bool push_dead_some(struct push_dead *, struct mono_time now) MUST_CHECK;
/* A part of the sum of the last run, and its record. */
void push_dead_add(struct push_dead *, const struct push_modes *, struct bytes text);
void push_dead_added(struct push_dead *, struct push_saved *);
void push_dead_done(struct push_dead *); /* fine on zeroed memory */

#endif
