#include "series/map.h"

#include <errno.h>
#include <stdlib.h>

enum {
	BUCKETS_MIN = 16,
	MOVED_AT_ONCE = 4, /* one would do: all are moved before the map is full again */
};

int map_init(struct map *m)
{
	*m = (struct map){ .wide = { calloc(BUCKETS_MIN, sizeof *m->wide.buckets), BUCKETS_MIN - 1 } };
	return m->wide.buckets ? 0 : -ENOMEM;
}

void map_done(struct map *m)
{
	free(m->wide.buckets);
	free(m->narrow.buckets);
	m->wide.buckets = m->narrow.buckets = NULL;
}

/* Where a node of that hash hangs. */
static struct map_node **bucket_of(const struct map *m, uint64_t hash)
{
	bool waits = m->narrow.buckets && (hash & m->narrow.mask) >= m->moved;
	const struct map_table *t = waits ? &m->narrow : &m->wide;

	return &t->buckets[hash & t->mask];
}

static struct map_node *with_hash(struct map_node *n, uint64_t hash)
{
	while (n && n->hash != hash)
		n = n->next;
	return n;
}

struct map_node *map_first(const struct map *m, uint64_t hash)
{
	return with_hash(*bucket_of(m, hash), hash);
}

struct map_node *map_next(const struct map_node *n)
{
	return with_hash(n->next, n->hash);
}

static void hang(struct map *m, struct map_node *n)
{
	struct map_node **bucket = bucket_of(m, n->hash);

	n->next = *bucket;
	*bucket = n;
}

static void begin_growing(struct map *m)
{
	struct map_table wider = { calloc((m->wide.mask + 1) * 2, sizeof *wider.buckets), m->wide.mask * 2 + 1 };

	if (!wider.buckets)
		return;
	m->narrow = m->wide;
	m->wide = wider;
	m->moved = 0;
}

static void move_bucket(struct map *m)
{
	struct map_node *n = m->narrow.buckets[m->moved++], *next;

	for (; n; n = next) {
		next = n->next;
		hang(m, n);
	}
	if (m->moved <= m->narrow.mask)
		return;
	free(m->narrow.buckets);
	m->narrow.buckets = NULL;
}

void map_put(struct map *m, struct map_node *n)
{
	if (m->count > m->wide.mask && !m->narrow.buckets)
		begin_growing(m);
	for (int i = 0; i < MOVED_AT_ONCE && m->narrow.buckets; i++)
		move_bucket(m);
	hang(m, n);
	m->count++;
}

void map_remove(struct map *m, struct map_node *n)
{
	struct map_node **at = bucket_of(m, n->hash);

	while (*at && *at != n)
		at = &(*at)->next;
	OXP_ASSERT(*at);
	*at = n->next;
	m->count--;
}

bool map_each_in(struct map *m, size_t bucket, void (*visit)(void *context, struct map_node *), void *context)
{
	if (bucket > m->wide.mask)
		return false;
	for (struct map_node *n = *bucket_of(m, bucket), *next; n; n = next) {
		next = n->next;
		if ((n->hash & m->wide.mask) == bucket)
			visit(context, n);
	}
	return true;
}
