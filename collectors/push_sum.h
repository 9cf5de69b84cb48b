/*
 * The table in which the series of many pages become one.
 *
 * A sum of counters must not fall because its parts were added in another order: Prometheus would take the last bit
 * that differs for a new beginning. So a sum is kept in two numbers, the second of which has what the first rounds off.
 *
 * Its memory counts as `memory`. Nothing is ever taken out of it.
 */
#ifndef OXP_PUSH_SUM_H
#define OXP_PUSH_SUM_H

#include "collectors/push_point.h"
#include "component.h"

enum { PUSH_SERIES_MAX = 65536 }; /* of one table; and as many families that have a help text */

/* Both begin with their key, under which they are found. */
struct push_item {
	uint64_t hash;
	struct bytes key;
};

struct push_total {
	struct push_item item;
	struct push_family_total *family;
	struct push_total *next; /* of the family, in the order in which they came */
	uint64_t group;
	uint64_t page, newest; /* that were added: the last one, and the one with the largest number */
	double high, low; /* the value is their sum */
	bool quoted, lasting, grows;
	enum push_mode mode;
};

/* The sum of native histograms whose classic form is the totals of that group. It has no value if it could not be made:
 * counts beyond NATIVE_COUNT_MAX, say. */
struct push_native {
	struct push_item item;
	struct push_native *next; /* in the order in which they came */
	struct push_family_total *family;
	uint64_t group;
	struct bytes key; /* of the sample, as push_point.key */
	uint64_t page; /* that was added last */
	bool quoted, broken, shown; /* the latter is its user's */
	struct native_histogram all;
};

struct push_family_total {
	struct push_item item;
	struct push_family_total *next;
	struct push_total *first, **last;
	enum exposition_type type;
	enum exposition_format format; /* of `help`; EXPOSITION_UNKNOWN: it has none */
	struct bytes name, help;
};

/* A power of two of places to find items at. */
struct push_slots {
	struct batch *batch; /* their memory */
	struct push_item **at;
	size_t room;
};

/*
 * Invariant: `series` totals are in the lists of their families; at most half of `wide` is taken. While the table
 * grows, `narrow` is what it was before, and an item is there alone if its place is not among the `moved` first ones:
 * no callback has to move all of them.
 */
struct push_sum {
	struct host *host;
	uint64_t seed;
	struct batch *batch; /* of items and their texts */
	struct push_slots wide, narrow;
	size_t moved, count, series, families;
	char *free; /* the rest of a block */
	size_t left, block;
	struct push_family_total *first, **last;
	struct push_native *native, **native_last;
};

enum push_added {
	PUSH_ADDED,
	PUSH_ADDED_BEFORE, /* this page had it already */
	PUSH_CLASH, /* its family has another type */
	PUSH_CEILING, /* PUSH_SERIES_MAX */
	PUSH_NO_MEMORY,
};

void push_sum_init(struct push_sum *, struct host *, uint64_t seed);
/* Beside a page's 0, each page's number is another one. What is there takes no memory. */
enum push_added push_sum_add(struct push_sum *, const struct push_point *) MUST_CHECK;
/* The help text of a family, unless it has one. Left out if there is no memory. */
void push_sum_help(struct push_sum *, struct bytes family, struct bytes text, enum exposition_format);
const struct push_total *push_sum_find(const struct push_sum *, struct bytes key);
double push_total_value(const struct push_total *);
/* It, as one more page with that number has it. */
struct push_point push_total_point(const struct push_total *, uint64_t page);
/* The same of native histograms, in push_native.c. */
enum push_added push_sum_add_native(struct push_sum *, const struct push_point *) MUST_CHECK;
/* As that, without adding: then there is memory to add it. */
enum push_added push_sum_reserve_native(struct push_sum *, const struct push_point *) MUST_CHECK;
struct push_point push_native_point(const struct push_native *, uint64_t page);
/* That of a group; NULL: there is none. */
struct push_native *push_sum_native(const struct push_sum *, uint64_t group);
/* Remembers a number, which is no series. False: no memory. */
bool push_sum_mark(struct push_sum *, uint64_t number) MUST_CHECK;
bool push_sum_marked(const struct push_sum *, uint64_t number);
/* The total behind that one, family by family; NULL: the first, or none any more. */
const struct push_total *push_sum_next(const struct push_sum *, const struct push_total *);
/* For push_native.c: zeroed memory that lasts as long as the table, a copy in it, and an item with that key, or its
 * memory; NULL: none. */
void *push_sum_allocate(struct push_sum *, size_t size);
struct bytes push_sum_copy(struct push_sum *, struct bytes text);
void *push_sum_make(struct push_sum *, struct bytes key, size_t size);
void *push_sum_item(const struct push_sum *, struct bytes key);
struct push_family_total *push_sum_family(struct push_sum *, struct bytes name);
void push_sum_done(struct push_sum *); /* fine on zeroed memory; it may be init'ed again */

#endif
