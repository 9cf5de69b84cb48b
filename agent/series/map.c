#include "series/map.h"

#include <errno.h>
#include <stdlib.h>

enum { BUCKETS_MIN = 16 };

int map_init(struct map *m)
{
	*m = (struct map){ calloc(BUCKETS_MIN, sizeof *m->buckets), BUCKETS_MIN - 1, 0 };
	return m->buckets ? 0 : -ENOMEM;
}

void map_done(struct map *m)
{
	free(m->buckets);
	m->buckets = NULL;
}

static struct map_node *with_hash(struct map_node *n, uint64_t hash)
{
	while (n && n->hash != hash)
		n = n->next;
	return n;
}

struct map_node *map_first(const struct map *m, uint64_t hash)
{
	return with_hash(m->buckets[hash & m->mask], hash);
}

struct map_node *map_next(const struct map_node *n)
{
	return with_hash(n->next, n->hash);
}

static void hang(struct map *m, struct map_node *n)
{
	struct map_node **bucket = &m->buckets[n->hash & m->mask];

	n->next = *bucket;
	*bucket = n;
}

static void grow(struct map *m)
{
	struct map wider = { calloc((m->mask + 1) * 2, sizeof *m->buckets), m->mask * 2 + 1, m->count };

	if (!wider.buckets)
		return;
	for (size_t i = 0; i <= m->mask; i++)
		for (struct map_node *n = m->buckets[i], *next; n; n = next) {
			next = n->next;
			hang(&wider, n);
		}
	free(m->buckets);
	*m = wider;
}

void map_put(struct map *m, struct map_node *n)
{
	if (m->count > m->mask)
		grow(m);
	hang(m, n);
	m->count++;
}

void map_remove(struct map *m, struct map_node *n)
{
	struct map_node **at = &m->buckets[n->hash & m->mask];

	while (*at && *at != n)
		at = &(*at)->next;
	OXP_ASSERT(*at);
	*at = n->next;
	m->count--;
}

bool map_each_in(struct map *m, size_t bucket, void (*visit)(void *context, struct map_node *), void *context)
{
	if (bucket > m->mask)
		return false;
	for (struct map_node *n = m->buckets[bucket], *next; n; n = next) {
		next = n->next;
		visit(context, n);
	}
	return true;
}
