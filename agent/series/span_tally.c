/*
 * Tallies: what one batch adds to the table, until it is known whether the batch is taken.
 */
#include <stdlib.h>
#include <string.h>

#include "series/span_sets.h"
#include "series/table.h"

enum { CHUNK = 16 /* entries that are allocated at a time */ };

struct chunk {
	struct chunk *next;
	size_t used;
	uint64_t entries[];
};

struct span_tally {
	struct span_table *table;
	uint64_t pass;
	struct chunk *chunks;
	struct span_entry *last; /* of the span that was added last, with: */
	uint32_t last_bucket;
	uint64_t last_ns;
	struct span_entry *other;
};

static size_t tally_entry_size(const struct span_table *t)
{
	return span_rounded(sizeof(struct span_entry) + (t->bound_count + 1) * sizeof(uint32_t));
}

static size_t chunk_size(const struct span_table *t)
{
	return sizeof(struct chunk) + CHUNK * tally_entry_size(t);
}

static struct span_entry *tally_entry(const struct span_table *t, struct chunk *k, size_t i)
{
	return (struct span_entry *)(void *)((char *)k->entries + i * tally_entry_size(t));
}

static struct span_entry *enter(struct span_tally *tally, struct span_set *set, struct span_entry *e)
{
	e->set = set;
	set->held++;
	set->pass = tally->pass;
	set->entry = e;
	return e;
}

/* NULL: no room. */
static struct span_entry *tally_entry_new(struct span_tally *tally, struct span_set *set)
{
	struct span_table *t = tally->table;
	struct chunk *k = tally->chunks;

	if (!k || k->used == CHUNK) {
		k = series_alloc(t->series, chunk_size(t), 0);
		if (!k)
			return NULL;
		k->next = tally->chunks;
		tally->chunks = k;
	}
	return enter(tally, set, tally_entry(t, k, k->used++));
}

struct span_tally *span_tally_new(struct span_table *t)
{
	struct span_tally *tally = oxp_new(sizeof *tally + tally_entry_size(t));

	OXP_ASSERT(!t->open);
	t->open = ++t->passes;
	tally->table = t;
	tally->pass = t->open;
	tally->other = enter(tally, t->first, (struct span_entry *)(void *)(tally + 1));
	return tally;
}

static uint32_t bucket_of(const struct span_table *t, uint64_t duration_ns)
{
	uint32_t bucket = 0;

	for (size_t i = 0; i < t->bound_count; i++)
		bucket += duration_ns > t->bounds_ns[i];
	return bucket;
}

static bool is_due(const struct span_set *set, uint32_t bucket, struct mono_time now)
{
	const struct span_exemplar *x = &set->exemplars[bucket];

	return x->at_ms == 0 || mono_since(now, x->since).ns >= DURATION_S(SPAN_EXEMPLAR_EVERY_S).ns;
}

bool span_tally_add(struct span_tally *tally, const struct span_counted *c, struct mono_time now)
{
	struct span_table *t = tally->table;
	struct span_set *set = span_set_of(t, c, now);
	struct span_entry *e = set->pass == tally->pass ? set->entry : tally_entry_new(tally, set);
	uint32_t bucket = bucket_of(t, c->duration_ns);

	OXP_ASSERT(t->open == tally->pass);
	if (UNLIKELY(!e))
		e = tally->other;
	e->counts[bucket]++;
	e->sum_ns += (double)c->duration_ns;
	tally->last = e;
	tally->last_bucket = bucket;
	tally->last_ns = c->duration_ns;
	return t->exemplars && (!e->exemplar || c->duration_ns > e->duration_ns) && is_due(e->set, bucket, now);
}

void span_tally_exemplar(struct span_tally *tally, struct bytes trace_id, struct bytes span_id)
{
	struct span_entry *e = tally->last;

	OXP_ASSERT(trace_id.size == 16 && span_id.size == 8);
	e->exemplar = true;
	e->bucket = tally->last_bucket;
	e->duration_ns = tally->last_ns;
	memcpy(e->ids, trace_id.data, trace_id.size);
	memcpy(e->ids + trace_id.size, span_id.data, span_id.size);
}

void span_tally_close(struct span_tally *tally)
{
	OXP_ASSERT(tally->table->open == tally->pass);
	tally->table->open = 0;
}

static void count_entry(struct span_table *t, struct span_entry *e, struct mono_time now, struct wall_time wall)
{
	struct span_set *set = e->set;
	uint64_t count = 0;

	for (size_t i = 0; i <= t->bound_count; i++) {
		set->buckets[i] += e->counts[i];
		count += e->counts[i];
	}
	set->count += count;
	set->sum_ns += e->sum_ns;
	set->touched = now;
	if (set == t->first)
		*t->beyond += count;
	if (!e->exemplar)
		return;
	set->exemplars[e->bucket] =
		(struct span_exemplar){ .duration_ns = e->duration_ns, .at_ms = wall.ns / 1000000, .since = now };
	memcpy(set->exemplars[e->bucket].ids, e->ids, SPAN_IDS);
}

static void end_entry(
	struct span_table *t, struct span_entry *e, bool taken, struct mono_time now, struct wall_time wall)
{
	if (taken)
		count_entry(t, e, now, wall);
	OXP_ASSERT(e->set->held > 0);
	e->set->held--;
}

void span_tally_end(struct span_tally *tally, bool taken, struct mono_time now, struct wall_time wall)
{
	struct span_table *t = tally->table;

	OXP_ASSERT(t->open != tally->pass);
	end_entry(t, tally->other, taken, now, wall);
	for (struct chunk *k; (k = tally->chunks);) {
		tally->chunks = k->next;
		for (size_t i = 0; i < k->used; i++)
			end_entry(t, tally_entry(t, k, i), taken, now, wall);
		series_release(t->series, k, chunk_size(t), 0);
	}
	free(tally);
}
