/*
 * The inside of the span table, for the files of series/ only: span_sets.c has the sets and the table, span_tally.c the
 * tallies, span_write.c the page.
 *
 * Invariant: `sets` are in the order in which they came, by ascending numbers, `other` first; each but `other` hangs in
 * `map`. `counted` of the series table is what they are in series.
 */
#ifndef OXP_SERIES_SPAN_SETS_H
#define OXP_SERIES_SPAN_SETS_H

#include "series/map.h"
#include "series/span_table.h"

enum { SPAN_IDS = 16 + 8, SPAN_BOUND_TEXT = 32 };

struct span_exemplar {
	unsigned char ids[SPAN_IDS]; /* of the trace, of the span */
	uint64_t duration_ns;
	int64_t at_ms; /* wall time; 0: there is none */
	struct mono_time since;
};

/* One set of labels. */
struct span_set {
	struct map_node node;
	struct span_set *prev, *next;
	uint64_t number;
	uint64_t pass; /* of the open tally, if that has an entry: `entry` */
	struct span_entry *entry;
	size_t held; /* by tallies */
	struct mono_time touched;
	uint64_t count; /* 0: it is not shown */
	double sum_ns;
	uint64_t *buckets; /* one more than there are bounds */
	struct span_exemplar *exemplars; /* for each of these, or NULL */
	const char *key, *labels; /* the latter as on the page, without braces */
	size_t key_size, label_size, size, line; /* size: of this memory; line: of the page */
};

/* What a tally has of a set. */
struct span_entry {
	struct span_set *set;
	double sum_ns;
	bool exemplar; /* these are set: */
	uint32_t bucket;
	uint64_t duration_ns;
	unsigned char ids[SPAN_IDS];
	uint32_t counts[]; /* one more than there are bounds */
};

struct span_words {
	const char *prefix; /* of all names */
	const char *calls, *durations; /* families */
	const char *service;
	double unit_ns;
};

struct span_table {
	struct series *series;
	struct span_words words;
	uint64_t bounds_ns[SPAN_BOUNDS_MAX];
	char bounds[SPAN_BOUNDS_MAX + 1][SPAN_BOUND_TEXT]; /* as on the page; the last is +Inf */
	size_t bound_count;
	const char *dimensions[SPAN_DIMENSIONS_MAX];
	size_t dimension_count, sets_max;
	struct duration age;
	bool exemplars;
	uint64_t *beyond;
	struct map map;
	struct span_set *first, *last; /* first: `other` */
	uint64_t numbers, passes, open; /* open: the pass of the open tally, or 0 */
	uint64_t version; /* changes whenever a set is freed */
	struct mono_time full_until; /* no set is made before */
};

/* The set that the span belongs to; it is made if it is missing, and `other` if there is no room for it. */
struct span_set *span_set_of(struct span_table *, const struct span_counted *, struct mono_time now)
	__attribute__((returns_nonnull));

/* Up to where whatever comes next is aligned. */
static inline size_t span_rounded(size_t size)
{
	return (size + 7) / 8 * 8;
}

/* Bytes on the page, at most, that a set with labels of that size has in either family. */
size_t span_calls_line(const struct span_table *, size_t labels);
size_t span_durations_line(const struct span_table *, size_t labels);

#endif
