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
/* Remembers a number, which is no series. False: no memory. */
bool push_sum_mark(struct push_sum *, uint64_t number) MUST_CHECK;
bool push_sum_marked(const struct push_sum *, uint64_t number);
/* The total behind that one, family by family; NULL: the first, or none any more. */
const struct push_total *push_sum_next(const struct push_sum *, const struct push_total *);
void push_sum_done(struct push_sum *); /* fine on zeroed memory; it may be init'ed again */

#endif
