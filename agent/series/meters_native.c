/*
 * Native histograms among the meters: kept with no more memory than their buckets need, added up as native_sum.h says,
 * written for the page.
 */
#include <errno.h>
#include <float.h>

#include "proto/metric_family.h"
#include "proto/metric_family_write.h"
#include "series/meters_table.h"

enum { ROOM_MIN = 8 /* buckets */ };

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
	uint32_t room = ROOM_MIN, saved = meter->native ? meter->native->saved_room : 0;
	struct meter_native *wider;

	OXP_ASSERT(buckets <= 2 * NATIVE_SUM_MAX);
	if (meter->native && buckets <= meter->native->room)
		return true;
	while (room < buckets)
		room *= 2;
	room = (uint32_t)smaller(room, 2 * NATIVE_SUM_MAX);
	wider = series_alloc(m->series, meter_native_size(room), 0);
	if (!wider)
		return false;
	meter_native_free(m, meter);
	wider->room = room;
	wider->saved_room = saved;
	meter->native = wider;
	return true;
}

static void get_side(struct native_side *to, const struct meter_native_bucket *from, size_t count)
{
	to->count = count;
	for (size_t i = 0; i < count; i++)
		to->buckets[i] = (struct native_bucket){ .index = from[i].index, .whole = from[i].count };
}

void meter_native_get(const struct meter *meter, struct native_sum *to)
{
	const struct meter_native *n = meter->native;

	native_sum_init(to);
	to->all.count = meter->whole;
	if (!n)
		return;
	to->all.schema = n->schema;
	to->all.zero_threshold = n->zero_threshold;
	to->all.zero = n->zero;
	get_side(&to->all.positive, n->buckets, n->positive);
	get_side(&to->all.negative, n->buckets + n->positive, n->negative);
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
	n->schema = h->schema;
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
	meter_native_get(meter, &sum);
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
	struct native_sum sum;

	meter_native_get(meter, &sum);
	native_histogram_write(&sum.all, to);
	if (meter->native && meter->native->created_ns > 0)
		put_created(to, meter->native->created_ns);
	for (size_t i = 0; i < NATIVE_EXEMPLARS_MAX && meter->exemplars; i++)
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

bool meter_native_is_possible(struct bytes saved, uint64_t counted)
{
	struct meter_native_bucket buckets[2 * NATIVE_SUM_MAX];
	struct meter_native n;
	uint64_t sum;

	if (saved.size == 0)
		return counted == 0;
	if (saved.size < sizeof n)
		return false;
	memcpy(&n, saved.data, sizeof n);
	if (n.room > 2 * NATIVE_SUM_MAX || saved.size != meter_native_size(n.room) || n.positive > NATIVE_SUM_MAX ||
		n.negative > NATIVE_SUM_MAX || n.positive + n.negative > n.room || n.schema < NATIVE_SCHEMA_MIN ||
		n.schema > NATIVE_SCHEMA_MAX || !(n.zero_threshold >= 0 && n.zero_threshold <= DBL_MAX))
		return false;
	memcpy(buckets, saved.data + sizeof n, n.room * sizeof *buckets);
	sum = n.zero;
	return add_saved(buckets, n.positive, &sum) && add_saved(buckets + n.positive, n.negative, &sum) &&
	       sum <= counted && counted <= NATIVE_COUNT_MAX;
}

bool meter_native_restore(struct meter *meter, struct bytes saved)
{
	struct meters *m = meter->family->all;
	struct meter_native n;

	meter_native_free(m, meter);
	if (saved.size == 0)
		return true;
	memcpy(&n, saved.data, sizeof n);
	meter->native = series_alloc(m->series, saved.size, 0);
	if (!meter->native)
		return false;
	memcpy(meter->native, saved.data, saved.size);
	meter->native->saved_room = n.room;
	return true;
}
