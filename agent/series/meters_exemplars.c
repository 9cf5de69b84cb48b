/*
 * The latest exemplar of a counter, or of each bucket of a histogram, or the latest of a native one: a text for each,
 * of its own memory.
 */
#include "series/meters_table.h"
#include "series/table.h"

struct meter_exemplars {
	size_t count;
	size_t next; /* of a native histogram: how many it has had */
	struct meter_exemplar {
		size_t size;
		char *text; /* NULL: none */
	} of[];
};

static size_t size_of(size_t count)
{
	return sizeof(struct meter_exemplars) + count * sizeof(struct meter_exemplar);
}

static void forget(struct meters *m, struct meter_exemplar *e)
{
	if (e->text)
		series_release(m->series, e->text, e->size, 0);
	*e = (struct meter_exemplar){ .text = NULL };
}

void meter_exemplars_free(struct meters *m, struct meter *meter)
{
	struct meter_exemplars *all = meter->exemplars;

	meter->exemplars = NULL;
	for (size_t i = 0; all && i < all->count; i++)
		forget(m, &all->of[i]);
	if (all)
		series_release(m->series, all, size_of(all->count), 0);
}

struct bytes meter_exemplar_at(const struct meter *meter, size_t i)
{
	const struct meter_exemplars *all = meter->exemplars;

	return all && all->of[i].text ? (struct bytes){ all->of[i].text, all->of[i].size } : (struct bytes){ NULL, 0 };
}

static size_t places(const struct meter *meter)
{
	return meter->kind == METER_HISTOGRAM ? meter->scale->count + 1
	       : meter->kind == METER_NATIVE  ? NATIVE_EXEMPLARS_MAX
					      : 1;
}

/* The place of a value: of a counter there is one. */
static size_t place_of(const struct meter *meter, double value)
{
	size_t i = 0, count = meter->kind == METER_HISTOGRAM ? meter->scale->count : 0;

	while (i < count && !(value <= meter->scale->bounds[i].value))
		i++;
	return i;
}

/* Of a native histogram: the one that came first makes room. NULL: it is there already. */
static struct meter_exemplar *next_place(struct meter_exemplars *all, struct bytes text)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->of[i].text && bytes_equal((struct bytes){ all->of[i].text, all->of[i].size }, text))
			return NULL;
	return &all->of[all->next++ % all->count];
}

static void set(struct meters *m, struct meter_exemplar *e, struct bytes text)
{
	if (e->size != text.size)
		forget(m, e);
	if (!e->text)
		e->text = series_alloc(m->series, text.size, 0);
	e->size = e->text ? text.size : 0;
	if (e->text)
		memcpy(e->text, text.data, text.size);
}

void meter_exemplar(struct meters *m, struct meter *meter, double value, struct bytes text)
{
	size_t count = places(meter);
	struct meter_exemplar *e;

	OXP_ASSERT(meter->family->kind == METER_HISTOGRAM || meter->kind == METER_COUNTER);
	if (!meter->exemplars) {
		meter->exemplars = series_alloc(m->series, size_of(count), 0);
		if (!meter->exemplars)
			return;
		meter->exemplars->count = count;
	}
	e = meter->kind == METER_NATIVE ? next_place(meter->exemplars, text)
					: &meter->exemplars->of[place_of(meter, value)];
	if (e)
		set(m, e, text);
}
