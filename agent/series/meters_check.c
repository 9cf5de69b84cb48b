/*
 * The invariants of the meters, for tests.
 */
#include "series/meters_table.h"

static void check_side(const struct meter_native_bucket *b, size_t count, uint64_t *counted)
{
	for (size_t i = 0; i < count; i++) {
		OXP_ASSERT(i == 0 || b[i - 1].index < b[i].index);
		*counted += b[i].count;
	}
}

static void check_native(const struct meter *meter)
{
	const struct meter_native *n = meter->native;
	uint64_t counted = n ? n->zero : 0;

	if (n) {
		OXP_ASSERT(n->most > 0 || (n->positive <= NATIVE_SUM_MAX && n->negative <= NATIVE_SUM_MAX));
		OXP_ASSERT(n->positive + n->negative <= n->room && n->room <= 2 * NATIVE_SUM_MAX);
		OXP_ASSERT(n->schema >= NATIVE_SCHEMA_MIN && n->schema <= NATIVE_SCHEMA_MAX);
		check_side(n->buckets, n->positive, &counted);
		check_side(n->buckets + n->positive, n->negative, &counted);
	}
	OXP_ASSERT(counted <= meter->whole && meter->whole <= NATIVE_COUNT_MAX);
	OXP_ASSERT(meter->kind == METER_NATIVE || (n->most > 0 && counted == meter->whole));
}

static void check_meter(const struct meter *meter)
{
	uint64_t sum = 0;
	size_t raws = 0;

	for (const struct meter_raws *r = meter->raws; r; r = r->next) {
		OXP_ASSERT(r->meter == meter);
		raws++;
	}
	OXP_ASSERT(raws == meter->raw_count && raws <= METER_RAWS_MAX);
	OXP_ASSERT(!meter->unsaved || (meter->saved && *meter->unsaved_at == meter));
	OXP_ASSERT(meter->family->kind == meter_family_kind(meter->kind));
	OXP_ASSERT(!meter->scale == !meter_has_scale(meter->kind));
	OXP_ASSERT(!meter->native || meter->kind == METER_NATIVE || meter->kind == METER_HISTOGRAM);
	OXP_ASSERT(!meter->members || (meter->kind == METER_SET && meter->members->count <= METER_MEMBERS_MAX &&
					      meter->members->count <= meter->members->mask));
	if (meter->kind == METER_NATIVE || meter->native)
		check_native(meter);
	if (meter->kind != METER_HISTOGRAM)
		return;
	for (size_t i = 0; i <= meter_bounds(meter); i++)
		sum += meter->counts[i];
	OXP_ASSERT(sum == meter->whole && meter->carry >= -0.5 && meter->carry <= 0.5);
}

static size_t check_family(const struct meters *m, const struct meter_family *f, size_t *behind)
{
	size_t meters = 0, weight = 0, users = 0, scaled = f->overflow && f->overflow->scale,
	       live = f->overflow && !f->overflow->restored;

	for (const struct meter_scale *s = f->scales; s; s = s->next)
		users += s->users;
	for (const struct meter *meter = f->first; meter; meter = meter->next) {
		OXP_ASSERT(meter->family == f && (meter->next ? meter->next->prev == meter : f->last == meter));
		check_meter(meter);
		weight += meter_series(meter);
		scaled += meter->scale != NULL;
		live += !meter->restored;
		*behind += meter->behind;
		meters++;
	}
	OXP_ASSERT((meters > 0 || f->overflow) && live == f->live);
	OXP_ASSERT(users == scaled);
	OXP_ASSERT(f->weight == weight && f->weight <= m->limits.family_series);
	if (f->overflow) {
		OXP_ASSERT(f->overflow->family == f && !f->overflow->raws);
		*behind += f->overflow->behind;
	}
	return meters;
}

void meters_check(const struct meters *m)
{
	size_t meters = 0, families = 0, weight = 0, behind = 0;

	for (const struct meter_family *f = m->first; f; f = f->next) {
		meters += check_family(m, f, &behind);
		weight += f->weight;
		families++;
	}
	OXP_ASSERT(meters == m->meters.count && families == m->families.count);
	OXP_ASSERT(weight == m->weight && weight <= m->limits.series && behind == m->behind_count);
}
