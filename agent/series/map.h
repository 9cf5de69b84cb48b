/*
 * A hash map of nodes that are embedded in their items: chains, doubled when there is one node a bucket.
 *
 * The caller hashes and compares; the map neither allocates nor frees nodes. If there is no memory to double, it tries
 * again later. No callback has to move all nodes: each one that is put in moves a few buckets of the narrower table.
 */
#ifndef OXP_SERIES_MAP_H
#define OXP_SERIES_MAP_H

#include "base/base.h"

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

/* A power of two of buckets. */
struct map_table {
	struct map_node **buckets;
	size_t mask;
};

/* Invariant: `count` nodes hang in the buckets. While the map grows, `narrow` is what it was before, half as wide; a
 * node hangs there if its bucket is not among the `moved` first ones, and else in `wide`. */
struct map {
	struct map_table wide, narrow;
	size_t count, moved;
};

int map_init(struct map *) MUST_CHECK; /* 0 or -ENOMEM */
void map_done(struct map *); /* nodes are the caller's; fine on zeroed memory */

/* The first node of that hash, then the next: candidates to compare. NULL at the end. */
struct map_node *map_first(const struct map *, uint64_t hash);
struct map_node *map_next(const struct map_node *);
void map_put(struct map *, struct map_node *); /* its hash is set */
void map_remove(struct map *, struct map_node *);
/* Calls visit() for each node of that bucket of the wide table; visit() may remove the node that it is given. False:
 * there is no such bucket. If the map grows between two of them, nodes only move to later buckets. */
bool map_each_in(
	struct map *, size_t bucket, void (*visit)(void *context, struct map_node *), void *context) MUST_CHECK;

#endif
