/*
 * A sample of a worker's page, as the sum over all workers sees it: which series of the sum it is a part of, how, and
 * whether what it counted stays there when the worker is dead.
 *
 * What stays: counters (of an untyped page what is named so: _total), and buckets, sums and counts of histograms and
 * summaries, native ones among them. All else is a gauge, and goes with its worker. Quantiles of summaries cannot be
 * summed, and the time when a part of a sum was created says nothing about the sum: these are left out.
 */
#ifndef OXP_PUSH_POINT_H
#define OXP_PUSH_POINT_H

#include "collectors/push_families.h"
#include "proto/exposition_read.h"
#include "proto/native_histogram.h"

/* What the gauges of one name become. */
enum push_mode { PUSH_SUM, PUSH_MIN, PUSH_MAX, PUSH_LATEST, PUSH_ALL /* one for each worker, by a label */ };
extern const char *const push_modes_words[];

struct option_map;

struct push_modes {
	enum push_mode usual;
	const struct option_map *named; /* families; NULL: none */
};

/* Whether each value of the map is such a word; else `why` says which is not. */
bool push_modes_check(const struct option_map *, char *why, size_t room) MUST_CHECK;

struct push_point {
	struct bytes family; /* its name */
	bool quoted; /* that name, and the sample's */
	enum exposition_type type;
	enum push_mode mode;
	bool lasting; /* it stays; then its mode is PUSH_SUM */
	bool grows; /* and a smaller value means that its worker has begun anew */
	uint64_t group; /* the same for all that a process counts as one: the series of a histogram, say */
	struct bytes key; /* its name and labels, in one text that push_key_sample() reads */
	double value, rest; /* their sum, which one number may not hold */
	/* NULL: it is a number. A native histogram of whole numbers has the name of its family, and the group of its
	 * classic form. */
	const struct native_histogram *native;
	uint64_t page; /* a number that grows */
};

enum push_left_out { PUSH_LEFT_QUANTILES, PUSH_LEFT_CREATED, PUSH_LEFT_EXCESS, PUSH_LEFT_NATIVE, PUSH_LEFT_KINDS };

/* A page is walked through from its beginning. It was found fine by push_page_check(). */
struct push_walk {
	const struct push_modes *modes;
	const char *worker; /* the label's value for PUSH_ALL, as it is written in a page */
	uint64_t page;
	void (*point)(void *context, const struct push_point *);
	void (*help)(void *context, struct bytes family, const struct exposition_meta *); /* may be NULL */
	void *context;

	/* Only push_point.c writes these. */
	struct exposition_reader reader;
	struct push_family family;
	size_t mode_of; /* the family that `mode` is of, by its number */
	enum push_mode mode;
	struct bytes text;
	size_t at;
	bool failed; /* there was no memory: what was seen is not all */
	struct buffer key, group;
	struct native_histogram *native; /* NULL: there was none yet */
	uint64_t left_out[PUSH_LEFT_KINDS];
};

/* `seed` is random. All above the line is set. */
void push_walk_begin(struct push_walk *, struct bytes text, enum exposition_format, uint64_t seed);
/* Goes on for about that many bytes. True: there is more, and nothing has failed. */
bool push_walk_some(struct push_walk *, size_t bytes) MUST_CHECK;
void push_walk_done(struct push_walk *); /* fine on zeroed memory */

/* The name and labels of a key, with no escapes but those that all formats know; `labels` has
 * EXPOSITION_LABELS_MAX + 1. */
void push_key_sample(struct bytes key, struct exposition_label *labels, struct exposition_sample *ret);

#endif
