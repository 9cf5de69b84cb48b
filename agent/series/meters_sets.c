/*
 * Sets: how many different values there were in a window of time.
 */
#include "series/meters_table.h"
#include "series/table.h"

enum { MEMBERS_MIN = 32 };

static size_t members_size(size_t mask)
{
	return sizeof(struct meter_members) + (mask + 1) * sizeof(uint64_t);
}

void meter_members_free(struct meters *m, struct meter *meter)
{
	if (meter->members)
		series_release(m->series, meter->members, members_size(meter->members->mask), 0);
	meter->members = NULL;
}

static uint64_t *place_of(struct meter_members *s, uint64_t key)
{
	size_t i = key >> 1 & s->mask;

	while (s->keys[i] && s->keys[i] != key)
		i = (i + 1) & s->mask;
	return &s->keys[i];
}

/* Room for one more, half of which stays empty. False: there is none. */
static bool members_grow(struct meters *m, struct meter *meter, struct mono_time now)
{
	struct meter_members *s = meter->members, *wider;
	size_t mask = s ? 2 * s->mask + 1 : MEMBERS_MIN - 1;

	if (s && s->count <= s->mask / 2)
		return true;
	if (mask / 2 >= METER_MEMBERS_MAX)
		return false;
	wider = series_alloc(m->series, members_size(mask), 0);
	if (!wider)
		return false;
	wider->mask = mask;
	wider->start = now;
	for (size_t i = 0; s && i <= s->mask; i++)
		if (s->keys[i])
			*place_of(wider, s->keys[i]) = s->keys[i];
	if (s) {
		wider->start = s->start;
		wider->last = s->last;
		wider->count = s->count;
	}
	meter_members_free(m, meter);
	meter->members = wider;
	return true;
}

static int64_t windows_since(const struct meters *m, const struct meter_members *s, struct mono_time now)
{
	return mono_since(now, s->start).ns / m->limits.window.ns;
}

uint64_t meter_members(const struct meters *m, const struct meter *meter, struct mono_time now)
{
	const struct meter_members *s = meter->members;
	int64_t windows = s ? windows_since(m, s, now) : 2;

	return windows == 0 ? s->last : windows == 1 ? s->count : 0;
}

/* Begins the window that it is time for. */
static void turn_window(struct meters *m, struct meter *meter, struct mono_time now)
{
	struct meter_members *s = meter->members;
	uint64_t last = meter_members(m, meter, now);
	int64_t windows = windows_since(m, s, now);

	if (windows == 0)
		return;
	s->last = last;
	s->start = mono_after(s->start, (struct duration){ windows * m->limits.window.ns });
	s->count = 0;
	memset(s->keys, 0, (s->mask + 1) * sizeof *s->keys);
}

void meter_insert(struct meters *m, struct meter *meter, struct bytes value, struct mono_time now)
{
	uint64_t key = meters_hash(m, value, 0) | 1;

	OXP_ASSERT(meter->kind == METER_SET);
	meter->touched = now;
	if (meter->members) {
		turn_window(m, meter, now);
		if (*place_of(meter->members, key))
			return;
	}
	if (!members_grow(m, meter, now)) {
		(void)meters_refused(m, METER_MEMBERS, meter->family->name, NULL);
		return;
	}
	*place_of(meter->members, key) = key;
	meter->members->count++;
}
