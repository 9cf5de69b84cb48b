/*
 * What events make of a meter.
 */
#include "series/meters_table.h"

enum meter_kind meter_kind(const struct meter *meter)
{
	return meter->kind;
}

/* Whole numbers are kept apart: a double would swallow small ones beyond 2^53. */
static void grow(struct meter *meter, double by)
{
	uint64_t sum;

	OXP_ASSERT(by >= 0);
	if (by < 0x1p63 && by == (double)(uint64_t)by && !__builtin_add_overflow(meter->whole, (uint64_t)by, &sum))
		meter->whole = sum;
	else
		meter->part += by;
}

void meter_add(struct meter *meter, double by, struct mono_time now)
{
	OXP_ASSERT(meter_series_of(meter->kind, 0) == 1);
	meter->touched = now;
	meter_changed(meter);
	if (meter->kind == METER_COUNTER)
		grow(meter, by);
	else
		meter->part += by;
}

void meter_set(struct meter *meter, double value, struct mono_time now)
{
	OXP_ASSERT(meter_series_of(meter->kind, 0) == 1);
	meter->touched = now;
	meter_changed(meter);
	meter->whole = 0;
	meter->part = 0;
	if (meter->kind == METER_COUNTER)
		grow(meter, value);
	else
		meter->part = value;
}

struct meter_sent *meter_sent(struct meter *meter)
{
	return &meter->sent;
}

void meter_set_state(struct meter *meter, const struct meter_state *s, struct mono_time now)
{
	size_t bounds = meter_bounds(meter);

	OXP_ASSERT(meter_has_scale(meter->kind));
	if (meter->kind == METER_HISTOGRAM) {
		memset(meter->counts, 0, (bounds + 1) * sizeof *meter->counts);
		meter->whole = 0;
		meter->part = meter->carry = 0;
		meter_add_state(meter, s, now);
	} else if (bounds > 0) {
		memcpy(meter->counts, s->values, bounds * sizeof *meter->counts);
	}
	if (meter->kind == METER_SUMMARY)
		meter->whole = s->count;
	meter->touched = now;
	meter_changed(meter);
	meter->part = s->sum;
	meter->no_sum = s->no_sum;
}

void meter_add_state(struct meter *meter, const struct meter_state *s, struct mono_time now)
{
	OXP_ASSERT(meter->kind == METER_HISTOGRAM);
	for (size_t i = 0; i <= meter_bounds(meter); i++) {
		meter->counts[i] += s->buckets[i];
		meter->whole += s->buckets[i];
	}
	meter->part += s->sum;
	meter->no_sum |= s->no_sum;
	meter->touched = now;
	meter_changed(meter);
}

/* The first whose bound is not below the value. */
static size_t bucket_of(const struct meter_scale *f, double value)
{
	size_t from = 0, to = f->count;

	while (from < to) {
		size_t middle = (from + to) / 2;
		if (value <= f->bounds[middle].value)
			to = middle;
		else
			from = middle + 1;
	}
	return from;
}

/* A counter that has to begin at 0 again, which readers know how to take. */
static void begin_anew(struct meter *meter)
{
	memset(meter->counts, 0, (meter_bounds(meter) + 1) * sizeof *meter->counts);
	meter->whole = 0;
	meter->part = 0;
	if (meter->native)
		meter->native->zero = meter->native->positive = meter->native->negative = 0;
}

void meter_observe(struct meter *meter, double value, double weight, struct mono_time now)
{
	double wanted = weight + meter->carry;
	uint64_t counted = (uint64_t)(wanted + 0.5);

	OXP_ASSERT(meter->kind == METER_HISTOGRAM && weight >= 1 && weight < 0x1p53);
	meter->touched = now;
	meter_changed(meter);
	meter->carry = wanted - (double)counted;
	if (meter->whole > NATIVE_COUNT_MAX - counted)
		begin_anew(meter);
	meter->counts[bucket_of(meter->scale, value)] += counted;
	meter->whole += counted;
	if (meter->native)
		meter_native_observe(meter, value, counted);
	meter->part += value * (double)counted;
}
