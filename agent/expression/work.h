/*
 * The memory of one evaluation, the vectors that are made in it, and finding elements of a vector by their labels.
 * Everything is freed at once, with work_done(). Beyond WORK_BYTES_MAX there is none.
 */
#ifndef OXP_EXPRESSION_WORK_H
#define OXP_EXPRESSION_WORK_H

#include "expression/term.h"

enum { WORK_BYTES_MAX = 4 << 20 };

struct work_block;

struct work {
	struct work_block *blocks;
	size_t held;
	const char *why; /* what was wrong first; NULL: nothing */
};

void work_init(struct work *);
void work_done(struct work *);
/* Remembers the first reason, a constant text; always returns false. */
bool work_fail(struct work *, const char *why);
/* Aligned for anything, not zeroed. NULL and a reason if there is no more. */
void *work_alloc(struct work *, size_t size) MUST_CHECK;

struct element {
	struct bytes name; /* of the metric; empty: none */
	struct bytes labels; /* label_set.h */
	double value;
};

struct value {
	enum value_kind kind; /* a number or a vector */
	double number;
	struct element *elements;
	size_t count;
};

/* Room for `most` elements, and none yet. */
bool value_vector(struct work *, size_t most, struct value *ret) MUST_CHECK;

/*
 * A table from labels to a number below `most`, given in the order in which they come.
 *
 * Invariant: fewer than half of the places are taken; `places` has numbers + 1, or 0.
 */
struct groups {
	struct work *work;
	size_t most, count, mask;
	uint32_t *places;
	struct bytes *labels;
};

bool groups_init(struct groups *, struct work *, size_t most) MUST_CHECK;
/* Of the labels that the list keeps; NULL keeps all. SIZE_MAX: they are not there, or, if they should be added, there
 * is no memory. *ret_new: they were added now. */
size_t groups_find(const struct groups *, struct bytes labels, const struct label_list *);
size_t groups_add(struct groups *, struct bytes labels, const struct label_list *, bool *ret_new);

#endif
