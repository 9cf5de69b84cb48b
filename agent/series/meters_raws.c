/*
 * The raw bytes of events that a meter is found by with one look-up.
 */
#include "series/meters_table.h"
#include "series/table.h"

static uint64_t raw_hash(const struct meters *m, const struct meter_raw *raw)
{
	uint64_t made = meters_hash(m, raw->tags, meters_hash(m, raw->name, raw->kind));

	return raw->more.size > 0 ? meters_hash(m, raw->more, made) : made;
}

static bool raw_is(const struct meter_raws *r, const struct meter_raw *raw)
{
	const char *tags = r->text + r->name;

	return r->kind == raw->kind && bytes_equal((struct bytes){ r->text, r->name }, raw->name) &&
	       bytes_equal((struct bytes){ tags, r->tags }, raw->tags) &&
	       bytes_equal((struct bytes){ tags + r->tags, r->more }, raw->more);
}

static struct meter_raws *find_raw(const struct meters *m, const struct meter_raw *raw, uint64_t hashed)
{
	for (struct map_node *n = map_first(&m->raws, hashed); n; n = map_next(n)) {
		struct meter_raws *r = CONTAINER_OF(n, struct meter_raws, node);
		if (raw_is(r, raw))
			return r;
	}
	return NULL;
}

struct meter *meters_known(struct meters *m, const struct meter_raw *raw, double *ret_factor)
{
	const struct meter_raws *r = find_raw(m, raw, raw_hash(m, raw));

	if (!r)
		return NULL;
	*ret_factor = r->factor;
	return r->meter;
}

static size_t raws_size(const struct meter_raws *r)
{
	return sizeof *r + r->name + r->tags + r->more;
}

/* If there is no room, it is found by its labels each time. */
void meter_remember(struct meters *m, struct meter *meter, const struct meter_raw *raw, double factor)
{
	uint64_t hashed = raw_hash(m, raw);
	struct meter_raws *r;

	if (meter->raw_count == METER_RAWS_MAX || find_raw(m, raw, hashed))
		return;
	r = series_alloc(m->series, sizeof *r + raw->name.size + raw->tags.size + raw->more.size, 0);
	if (!r)
		return;
	r->kind = raw->kind;
	r->name = raw->name.size;
	r->tags = raw->tags.size;
	r->more = raw->more.size;
	(void)meter_put(meter_put(meter_put(r->text, raw->name), raw->tags), raw->more);
	r->meter = meter;
	r->factor = factor;
	r->next = meter->raws;
	meter->raws = r;
	meter->raw_count++;
	r->node.hash = hashed;
	map_put(&m->raws, &r->node);
}

void meter_forget_raws(struct meters *m, struct meter *meter)
{
	struct meter_raws *r;

	while ((r = meter->raws)) {
		meter->raws = r->next;
		map_remove(&m->raws, &r->node);
		series_release(m->series, r, raws_size(r), 0);
	}
}
