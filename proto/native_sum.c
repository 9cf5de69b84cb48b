#include "proto/native_sum.h"

#include <float.h>

enum { LEVELS_MAX = 62 /* that many halves leave only the sign of an index */ };

void native_sum_init(struct native_sum *s)
{
	native_histogram_init(&s->all, s->buckets, NATIVE_SUM_MAX);
	s->merged = 0;
}

static bool add_count(uint64_t *to, uint64_t count)
{
	if (count > NATIVE_COUNT_MAX || *to > NATIVE_COUNT_MAX - count)
		return false;
	*to += count;
	return true;
}

/* The first bucket whose index is not below that. */
static size_t place_of(const struct native_side *s, int64_t index)
{
	size_t from = 0, to = s->count;

	if (to > 0 && s->buckets[to - 1].index < index)
		return to; /* most come in their order */
	while (from < to) {
		size_t middle = (from + to) / 2;
		if (s->buckets[middle].index < index)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static int64_t in_schema(int64_t index, int64_t levels)
{
	return ((index - 1) >> (levels < LEVELS_MAX ? levels : LEVELS_MAX)) + 1;
}

bool native_histogram_put(struct native_histogram *h, const struct native_put *p, unsigned *merged)
{
	struct native_side *side = p->negative ? &h->negative : &h->positive;

	OXP_ASSERT(p->schema >= NATIVE_SCHEMA_MIN);
	while (h->schema > p->schema)
		native_histogram_halve(h);
	for (;;) {
		int64_t wanted = in_schema(p->index, p->schema - h->schema);
		size_t at = place_of(side, wanted);
		if (at < side->count && side->buckets[at].index == wanted)
			return add_count(&side->buckets[at].whole, p->count);
		if (p->count > NATIVE_COUNT_MAX)
			return false;
		if (side->count < side->room) {
			memmove(side->buckets + at + 1, side->buckets + at, (side->count - at) * sizeof *side->buckets);
			side->buckets[at] = (struct native_bucket){ .index = wanted, .whole = p->count };
			side->count++;
			return true;
		}
		if (h->schema == NATIVE_SCHEMA_MIN)
			return false;
		native_histogram_halve(h);
		++*merged;
	}
}

bool native_sum_put(struct native_sum *s, bool negative, int64_t schema, int64_t index, uint64_t count)
{
	return native_histogram_put(&s->all, &(struct native_put){ negative, schema, index, count }, &s->merged);
}

/* A threshold that is not in the middle of a bucket of the side: this one, or the next that is. */
static double fit(int64_t schema, const struct native_side *s, double threshold)
{
	for (size_t i = 0; i < s->count; i++) {
		double upper = native_bound(schema, s->buckets[i].index);
		if (s->buckets[i].whole > 0 && native_bound(schema, s->buckets[i].index - 1) < threshold &&
			threshold < upper)
			threshold = upper <= DBL_MAX ? upper : DBL_MAX;
	}
	return threshold;
}

/* Of one that has a narrower zero bucket, or of none. */
static double fit_both(const struct native_histogram *h, double threshold)
{
	if (h->zero_threshold == threshold)
		return threshold;
	return fit(h->schema, &h->negative, fit(h->schema, &h->positive, threshold));
}

static double common_threshold(const struct native_histogram *a, const struct native_histogram *b)
{
	double threshold = a->zero_threshold > b->zero_threshold ? a->zero_threshold : b->zero_threshold, before;

	do {
		before = threshold;
		threshold = fit_both(b, fit_both(a, threshold));
	} while (threshold > before);
	return threshold;
}

static bool is_below(const struct native_histogram *h, int64_t index, double threshold)
{
	return threshold > h->zero_threshold && native_bound(h->schema, index - 1) < threshold;
}

/* Puts the buckets that are below the threshold into the one of zeros. */
static bool widen_side(struct native_histogram *h, struct native_side *s, double threshold)
{
	size_t gone = 0;
	bool fine = true;

	while (fine && gone < s->count && is_below(h, s->buckets[gone].index, threshold))
		fine = add_count(&h->zero, s->buckets[gone++].whole);
	s->count -= gone;
	if (gone > 0)
		memmove(s->buckets, s->buckets + gone, s->count * sizeof *s->buckets);
	return fine;
}

bool native_histogram_widen(struct native_histogram *h, double threshold)
{
	bool fine = widen_side(h, &h->positive, threshold) && widen_side(h, &h->negative, threshold);

	h->zero_threshold = threshold;
	return fine;
}

static bool add_side(struct native_histogram *to, const struct native_histogram *from, bool negative, unsigned *merged)
{
	const struct native_side *side = negative ? &from->negative : &from->positive;
	bool fine = true;

	for (size_t i = 0; i < side->count && fine; i++) {
		const struct native_bucket *b = &side->buckets[i];
		const struct native_put p = { negative, from->schema, b->index, b->whole };
		if (is_below(from, b->index, to->zero_threshold))
			fine = add_count(&to->zero, b->whole);
		else
			fine = native_histogram_put(to, &p, merged);
	}
	return fine;
}

bool native_histogram_add(struct native_histogram *to, const struct native_histogram *from, unsigned *merged)
{
	OXP_ASSERT(!from->floats && from->schema >= NATIVE_SCHEMA_MIN && from->schema <= NATIVE_SCHEMA_MAX);
	while (to->schema > from->schema)
		native_histogram_halve(to);
	return native_histogram_widen(to, common_threshold(to, from)) && add_count(&to->zero, from->zero) &&
	       add_side(to, from, false, merged) && add_side(to, from, true, merged);
}

bool native_sum_add(struct native_sum *s, const struct native_histogram *from)
{
	return native_histogram_add(&s->all, from, &s->merged);
}

bool native_sum_total(const struct native_histogram *h, uint64_t *ret)
{
	uint64_t total = 0;
	bool fine = add_count(&total, h->zero);

	for (size_t i = 0; i < h->positive.count && fine; i++)
		fine = add_count(&total, h->positive.buckets[i].whole);
	for (size_t i = 0; i < h->negative.count && fine; i++)
		fine = add_count(&total, h->negative.buckets[i].whole);
	if (fine)
		*ret = total;
	return fine;
}
