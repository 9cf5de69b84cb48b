/*
 * The order of families: by their names, as the page has them. A list, and a tree that finds places in it.
 *
 * The tree is a treap, whose priorities are the seeded hashes of the names, so that no target can make it deep.
 *
 * Invariant: the list has what the tree has, by ascending names; no family's hash is below that of a child.
 */
#ifndef OXP_SERIES_ORDER_H
#define OXP_SERIES_ORDER_H

#include "base/bytes.h"
#include "series/map.h"

struct group;

/* A family of the page, found by its name. */
struct family {
	struct map_node node;
	struct family *prev, *next; /* in the list */
	struct family *left, *right; /* in the tree */
	struct group *groups;
	size_t weight;
	uint32_t size;
	bool quoted; /* the name is not classic */
	bool ranked; /* among those with the most series (worst.h) */
	char name[];
};

struct order {
	struct family *first, *root; /* of the list, of the tree */
};

static inline struct bytes family_name(const struct family *f)
{
	return (struct bytes){ f->name, f->size };
}

void order_insert(struct order *, struct family *); /* its hash is set; no other one has its name */
void order_remove(struct order *, struct family *);
/* The first whose name is behind this one, or NULL. */
struct family *order_behind(const struct order *, struct bytes name);
void order_check(const struct order *); /* asserts the invariant */

#endif
