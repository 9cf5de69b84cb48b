/*
 * The samples that an expression is about, one window for each of its selectors: as far back as its range says, or the
 * latest one.
 *
 * A page is shown between windows_begin() and windows_end(). A series that it lacks has ended: its latest sample counts
 * no more, and those in a range go as they get old. All samples of a page have the time of the page. If that is not
 * after the page before, all windows begin anew.
 */
#ifndef OXP_EXPRESSION_WINDOWS_H
#define OXP_EXPRESSION_WINDOWS_H

#include "expression/expression.h"
#include "proto/exposition_parse.h"

enum {
	WINDOW_SERIES_MAX = 1024, /* of one selector */
	WINDOW_LABELS_MAX = 16 << 10, /* bytes of the labels of a series */
	WINDOW_BUCKETS = 256,
	WINDOW_LOOKBACK_S = 300, /* a latest sample that is older counts no more */
};

struct sample {
	int64_t ms;
	double value;
};

/* Invariant: `count` samples from `first` on, the oldest first; first + count <= room. */
struct window_series {
	struct window_series *next; /* of its bucket */
	uint64_t hash;
	struct bytes labels; /* label_set.h; its own */
	struct sample *samples;
	size_t first, count, room;
	uint64_t page; /* the last one that it was on */
};

struct selector_window {
	const struct selector *selector;
	struct window_series *buckets[WINDOW_BUCKETS];
	size_t series;
};

/* What all expressions together may keep, in bytes. */
struct windows_room {
	size_t left;
};

/* Only windows.c writes it. */
struct windows {
	const struct expression *expression;
	struct windows_room *room;
	uint64_t seed;
	int64_t ms; /* of the page under way, or of the last one */
	uint64_t page; /* how many there were, this one included */
	bool cramped; /* a series of that page has no room, so what is kept is not all */
	struct selector_window window[EXPRESSION_SELECTORS_MAX];
};

/* The expression and the room outlive it. With a random `seed` a hostile app cannot aim at one bucket. */
struct windows *windows_new(const struct expression *, struct windows_room *, uint64_t seed)
	__attribute__((returns_nonnull));
void windows_free(struct windows *); /* NULL is fine */

void windows_begin(struct windows *, int64_t ms);
void windows_take(struct windows *, const struct exposition_sample *);
void windows_end(struct windows *);

void windows_check(const struct windows *); /* for tests */

#endif
