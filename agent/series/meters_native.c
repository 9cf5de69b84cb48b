/*
 * Native histograms among the meters: kept with no more memory than their buckets need, added up as native_sum.h says,
 * written for the page.
 *
 * A classic histogram may be a native one, too. Then values come one by one, and fall where those of client_golang do:
 * the bucket of zeros has what is up to ZERO_THRESHOLD, and if there are more buckets than `most`, all are merged, two
 * by two. (client_golang 1.24, prometheus/histogram.go: observe(), limitBuckets() with no reset)
 */
#include <errno.h>
#include <float.h>

#include "proto/metric_family.h"
#include "proto/metric_family_write.h"
#include "series/meters_table.h"

#define ZERO_THRESHOLD 0x1p-128 /* DefNativeHistogramZeroThreshold */

enum { ROOM_MIN = 8 /* buckets */ };

/* In memory that is wide enough for any. */
struct wide {
	struct native_histogram all;
	struct native_bucket buckets[2 * NATIVE_BUCKETS_MAX];
};

void meter_native_free(struct meters *m, struct meter *meter)
{
	if (meter->native)
		series_release(m->series, meter->native, meter_native_size(meter->native->room), 0);
	meter->native = NULL;
}

/* Room for that many buckets; what was in them may be lost. Without memory it is as it was. */
static bool make_room(struct meter *meter, size_t buckets)
{
	struct meters *m = meter->family->all;
	uint32_t room = ROOM_MIN;
	struct meter_native *wider, *old = meter->native;

	OXP_ASSERT(buckets <= 2 * NATIVE_SUM_MAX);
	if (meter->native && buckets <= meter->native->room)
		return true;
	while (room < buckets)
		room *= 2;
	room = (uint32_t)smaller(room, 2 * NATIVE_SUM_MAX);
	wider = series_alloc(m->series, meter_native_size(room), 0);
	if (!wider)
		return false;
	wider->room = room;
	wider->saved_room = old ? old->saved_room : 0;
	wider->most = old ? old->most : 0;
	meter_native_free(m, meter);
	meter->native = wider;
	return true;
}

static void get_side(struct native_side *to, const struct meter_native_bucket *from, size_t count)
{
	to->count = count;
	for (size_t i = 0; i < count; i++)
		to->buckets[i] = (struct native_bucket){ .index = from[i].index, .whole = from[i].count };
}

void meter_native_get(const struct meter *meter, struct native_histogram *to)
{
	const struct meter_native *n = meter->native;

	to->count = meter->whole;
	if (!n)
		return;
	to->schema = n->schema;
	to->zero_threshold = n->zero_threshold;
	to->zero = n->zero;
	get_side(&to->positive, n->buckets, n->positive);
	get_side(&to->negative, n->buckets + n->positive, n->negative);
}

static uint32_t put_side(struct meter_native_bucket *to, const struct native_side *from)
{
	for (size_t i = 0; i < from->count; i++)
		to[i] = (struct meter_native_bucket){ from->buckets[i].index, from->buckets[i].whole };
	return (uint32_t)from->count;
}

static bool put(struct meter *meter, const struct native_histogram *h, uint64_t created_ns)
{
	struct meter_native *n;

	if (!make_room(meter, h->positive.count + h->negative.count))
		return false;
	n = meter->native;
	n->schema = (int32_t)h->schema;
	n->zero_threshold = h->zero_threshold;
	n->zero = h->zero;
	n->created_ns = created_ns;
	n->positive = put_side(n->buckets, &h->positive);
	n->negative = put_side(n->buckets + n->positive, &h->negative);
	meter->whole = h->count;
	return true;
}

int meter_set_native(struct meter *meter, const struct meter_state *s, struct mono_time now)
{
	OXP_ASSERT(meter->kind == METER_NATIVE && s->native->count <= NATIVE_COUNT_MAX);
	if (!put(meter, s->native, s->created_ns))
		return -ENOMEM;
	meter->part = s->sum;
	meter->carry = 0;
	meter->no_sum = s->no_sum;
	meter->touched = now;
	meter_changed(meter);
	return 0;
}

int meter_add_native(struct meter *meter, const struct meter_state *s, struct mono_time now, unsigned *ret_merged)
{
	struct native_sum sum;
	uint64_t counted = meter->whole;

	OXP_ASSERT(meter->kind == METER_NATIVE);
	*ret_merged = 0;
	if (!meter->native)
		return meter_set_native(meter, s, now);
	native_sum_init(&sum);
	meter_native_get(meter, &sum.all);
	if (s->native->count > NATIVE_COUNT_MAX - counted || !native_sum_add(&sum, s->native))
		return -ERANGE;
	sum.all.count += s->native->count;
	if (!put(meter, &sum.all, meter->native->created_ns))
		return -ENOMEM;
	*ret_merged = sum.merged;
	meter->part += s->sum;
	meter->no_sum |= s->no_sum;
	meter->touched = now;
	meter_changed(meter);
	return 0;
}

/* Values of a classic histogram. */

bool meter_native_begin(struct meter *meter, const struct meter_native_wanted *w)
{
	OXP_ASSERT(meter->kind == METER_HISTOGRAM && w->most <= NATIVE_BUCKETS_MAX);
	if (!make_room(meter, 0))
		return false;
	meter->native->schema = (int32_t)w->schema;
	meter->native->most = w->most;
	meter->native->zero_threshold = ZERO_THRESHOLD;
	return true;
}

/* NULL: there is no such bucket yet. */
static struct meter_native_bucket *find(struct meter_native *n, bool negative, int64_t index)
{
	size_t from = negative ? n->positive : 0, end = negative ? n->positive + n->negative : n->positive, to = end;

	while (from < to) {
		size_t middle = (from + to) / 2;
		if (n->buckets[middle].index < index)
			from = middle + 1;
		else
			to = middle;
	}
	return from < end && n->buckets[from].index == index ? &n->buckets[from] : NULL;
}

/* Those nearest to 0 become zeros: there are no coarser ones. */
static void lose_smallest(struct native_histogram *h)
{
	const struct native_side *p = &h->positive, *n = &h->negative;
	int64_t index = p->count > 0 ? p->buckets[0].index : n->buckets[0].index;
	double bound;

	if (n->count > 0 && n->buckets[0].index < index)
		index = n->buckets[0].index;
	bound = native_bound(h->schema, index);
	OXP_ASSERT(native_histogram_widen(h, bound <= DBL_MAX ? bound : DBL_MAX)); /* all is NATIVE_COUNT_MAX at most */
}

static size_t buckets_of(const struct native_histogram *h)
{
	return h->positive.count + h->negative.count;
}

/* The slow way: a bucket is missing. */
static void observe_anew(struct meter *meter, const struct native_put *p)
{
	struct wide w;
	unsigned merged = 0;

	native_histogram_init(&w.all, w.buckets, NATIVE_BUCKETS_MAX);
	meter_native_get(meter, &w.all);
	OXP_ASSERT(native_histogram_put(&w.all, p, &merged)); /* doubles have fewer buckets in the coarsest schema */
	while (buckets_of(&w.all) > meter->native->most && w.all.schema > NATIVE_SCHEMA_MIN)
		native_histogram_halve(&w.all);
	while (!put(meter, &w.all, meter->native->created_ns)) /* no memory */
		if (w.all.schema > NATIVE_SCHEMA_MIN)
			native_histogram_halve(&w.all);
		else
			lose_smallest(&w.all);
}

void meter_native_observe(struct meter *meter, double value, uint64_t count)
{
	struct meter_native *n = meter->native;
	struct native_put p = { .negative = value < 0, .schema = n->schema, .count = count };
	double size = p.negative ? -value : value;
	struct meter_native_bucket *b;

	if (size <= n->zero_threshold) {
		n->zero += count;
		return;
	}
	p.index = native_index(n->schema, size);
	b = find(n, p.negative, p.index);
	if (b)
		b->count += count;
	else
		observe_anew(meter, &p);
}

/* To the page. */

static void put_created(struct otlp_build *b, uint64_t ns)
{
	size_t begun = otlp_build_begin(b, HISTOGRAM_CREATED);

	otlp_build_number(b, TIME_SECONDS, ns / UINT64_C(1000000000));
	otlp_build_number(b, TIME_NANOS, ns % UINT64_C(1000000000));
	otlp_build_end(b, begun);
}

void meter_native_write(const struct meter *meter, struct otlp_build *to)
{
	struct wide w;

	native_histogram_init(&w.all, w.buckets, NATIVE_BUCKETS_MAX);
	meter_native_get(meter, &w.all);
	native_histogram_write(&w.all, to);
	if (meter->native && meter->native->created_ns > 0)
		put_created(to, meter->native->created_ns);
	for (size_t i = 0; i < NATIVE_EXEMPLARS_MAX && meter->kind == METER_NATIVE && meter->exemplars; i++)
		family_write_exemplar(to, HISTOGRAM_EXEMPLARS, meter_exemplar_at(meter, i));
}

/* From the disk, where others may have written. */

static bool add_saved(const struct meter_native_bucket *b, size_t count, uint64_t *sum)
{
	for (size_t i = 0; i < count; i++)
		if (b[i].index < INT32_MIN || b[i].index > INT32_MAX || (i > 0 && b[i - 1].index >= b[i].index) ||
			__builtin_add_overflow(*sum, b[i].count, sum))
			return false;
	return true;
}

/* Runs before this one wrote a schema in 64 bits: the upper half of one below 0 is no number of buckets. */
static uint32_t most_of(const struct meter_native *n)
{
	return n->most <= NATIVE_BUCKETS_MAX ? n->most : 0;
}

bool meter_native_is_possible(struct bytes saved, struct meter_native_saved *ret)
{
	struct meter_native_bucket buckets[2 * NATIVE_SUM_MAX];
	struct meter_native n;
	uint32_t side;

	*ret = (struct meter_native_saved){ 0 };
	if (saved.size == 0)
		return true;
	if (saved.size < sizeof n)
		return false;
	memcpy(&n, saved.data, sizeof n);
	side = most_of(&n) > 0 ? NATIVE_BUCKETS_MAX : NATIVE_SUM_MAX;
	ret->most = most_of(&n);
	if (n.room > 2 * NATIVE_SUM_MAX || saved.size != meter_native_size(n.room) || n.positive > side ||
		n.negative > side || n.positive + n.negative > n.room || n.schema < NATIVE_SCHEMA_MIN ||
		n.schema > NATIVE_SCHEMA_MAX || !(n.zero_threshold >= 0 && n.zero_threshold <= DBL_MAX))
		return false;
	memcpy(buckets, saved.data + sizeof n, n.room * sizeof *buckets);
	ret->counted = n.zero;
	return add_saved(buckets, n.positive, &ret->counted) &&
	       add_saved(buckets + n.positive, n.negative, &ret->counted);
}

bool meter_native_restore(struct meter *meter, struct bytes saved)
{
	struct meters *m = meter->family->all;
	struct meter_native *n;

	if (saved.size == 0) {
		meter_native_free(m, meter);
		return true;
	}
	n = series_alloc(m->series, saved.size, 0);
	if (!n)
		return false;
	meter_native_free(m, meter);
	memcpy(n, saved.data, saved.size);
	n->saved_room = n->room;
	n->most = most_of(n);
	meter->native = n;
	return true;
}
