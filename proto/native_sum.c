#include "proto/native_sum.h"

#include <float.h>

enum {
	EXPONENT_LEAST = -1074, /* of doubles; below, powers of two are 0 */
	EXPONENT_MIN = -1022, /* of normal ones */
	EXPONENT_MAX = 1023, /* above, they are infinite */
	LEVELS_MAX = 62, /* that many halves leave only the sign of an index */
};

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

bool native_sum_put(struct native_sum *s, bool negative, int64_t schema, int64_t index, uint64_t count)
{
	struct native_side *side = negative ? &s->all.negative : &s->all.positive;

	OXP_ASSERT(schema >= NATIVE_SCHEMA_MIN);
	while (s->all.schema > schema)
		native_histogram_halve(&s->all);
	for (;;) {
		int64_t wanted = in_schema(index, schema - s->all.schema);
		size_t at = place_of(side, wanted);
		if (at < side->count && side->buckets[at].index == wanted)
			return add_count(&side->buckets[at].whole, count);
		if (count > NATIVE_COUNT_MAX)
			return false;
		if (side->count < side->room) {
			memmove(side->buckets + at + 1, side->buckets + at, (side->count - at) * sizeof *side->buckets);
			side->buckets[at] = (struct native_bucket){ .index = wanted, .whole = count };
			side->count++;
			return true;
		}
		if (s->all.schema == NATIVE_SCHEMA_MIN)
			return false;
		native_histogram_halve(&s->all);
		s->merged++;
	}
}

/* 2^exponent; 0 or infinite where doubles end. */
static double power(int64_t exponent)
{
	uint64_t bits;
	double value;

	if (exponent < EXPONENT_MIN)
		return exponent < EXPONENT_LEAST ? 0 : power(exponent + 100) * 0x1p-100;
	bits = (uint64_t)(exponent > EXPONENT_MAX ? EXPONENT_MAX + 1 : exponent) + EXPONENT_MAX;
	bits <<= 52;
	memcpy(&value, &bits, sizeof value);
	return value;
}

double native_bound(int64_t schema, int64_t index)
{
	/* 2^(1/2), 2^(1/4) … 2^(1/256) */
	static const double roots[NATIVE_SCHEMA_MAX] = { 0x1.6a09e667f3bcdp+0, 0x1.306fe0a31b715p+0,
		0x1.172b83c7d517bp+0, 0x1.0b5586cf9890fp+0, 0x1.059b0d3158574p+0, 0x1.02c9a3e778061p+0,
		0x1.0163da9fb3335p+0, 0x1.00b1afa5abcbfp+0 };
	double part = 1;

	OXP_ASSERT(schema >= NATIVE_SCHEMA_MIN && schema <= NATIVE_SCHEMA_MAX);
	if (schema <= 0)
		return power(index * (INT64_C(1) << -schema));
	for (int64_t i = 0; i < schema; i++)
		if (index >> (schema - 1 - i) & 1)
			part *= roots[i];
	return power(index >> schema) * part;
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
	memmove(s->buckets, s->buckets + gone, s->count * sizeof *s->buckets);
	return fine;
}

static bool widen(struct native_histogram *h, double threshold)
{
	bool fine = widen_side(h, &h->positive, threshold) && widen_side(h, &h->negative, threshold);

	h->zero_threshold = threshold;
	return fine;
}

static bool add_side(struct native_sum *s, const struct native_histogram *from, bool negative)
{
	const struct native_side *side = negative ? &from->negative : &from->positive;
	bool fine = true;

	for (size_t i = 0; i < side->count && fine; i++) {
		const struct native_bucket *b = &side->buckets[i];
		if (is_below(from, b->index, s->all.zero_threshold))
			fine = add_count(&s->all.zero, b->whole);
		else
			fine = native_sum_put(s, negative, from->schema, b->index, b->whole);
	}
	return fine;
}

bool native_sum_add(struct native_sum *s, const struct native_histogram *from)
{
	OXP_ASSERT(!from->floats && from->schema >= NATIVE_SCHEMA_MIN && from->schema <= NATIVE_SCHEMA_MAX);
	while (s->all.schema > from->schema)
		native_histogram_halve(&s->all);
	return widen(&s->all, common_threshold(&s->all, from)) && add_count(&s->all.zero, from->zero) &&
	       add_side(s, from, false) && add_side(s, from, true);
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
