#include "series/only.h"

#include <stdlib.h>

#define TYPE(name) (1u << EXPOSITION_##name)

enum { EACH = 3, TOTAL_SIZE = 6 };

/* A family's name, and of which types it has to be. */
struct wanted {
	struct bytes name;
	unsigned types;
};

/* Invariant: `rows` are in the order of their names, which are in `text`. */
struct series_only {
	size_t holders, count;
	char *text;
	struct wanted rows[];
};

static int compare(const void *a, const void *b)
{
	const struct wanted *one = a, *other = b;
	int order = bytes_compare(one->name, other->name);

	return order ? order : (one->types > other->types) - (one->types < other->types);
}

static void add(struct series_only *o, struct bytes name, unsigned types)
{
	o->rows[o->count++] = (struct wanted){ name, types };
}

/* Behind the text that is there; with _total behind it, which the result is without. */
static struct bytes copy(char **to, struct bytes name)
{
	struct bytes made = { *to, name.size };

	if (name.size)
		memcpy(*to, name.data, name.size);
	memcpy(*to + name.size, "_total", TOTAL_SIZE);
	*to += name.size + TOTAL_SIZE;
	return made;
}

static void add_of_sample(struct series_only *o, struct bytes name)
{
	static const char *const suffixes[] = { "_bucket", "_sum", "_count" };

	for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
		struct bytes end = bytes_of(suffixes[i]);
		if (name.size > end.size && memcmp(name.data + name.size - end.size, end.data, end.size) == 0)
			add(o, (struct bytes){ name.data, name.size - end.size },
				TYPE(HISTOGRAM) | TYPE(GAUGEHISTOGRAM) | (i > 0 ? TYPE(SUMMARY) : 0));
	}
}

struct series_only *series_only_new(const struct bytes *names, size_t count)
{
	struct series_only *o = calloc(1, sizeof *o + EACH * count * sizeof *o->rows);
	size_t size = 1;
	char *to;

	OXP_ASSERT(o && "out of memory");
	for (size_t i = 0; i < count; i++)
		size += names[i].size + TOTAL_SIZE;
	o->holders = 1;
	to = o->text = oxp_new(size);
	for (size_t i = 0; i < count; i++) {
		struct bytes name = copy(&to, names[i]);
		add(o, name, ~0u);
		add(o, (struct bytes){ name.data, name.size + TOTAL_SIZE }, TYPE(COUNTER));
		add_of_sample(o, name);
	}
	qsort(o->rows, o->count, sizeof *o->rows, compare);
	return o;
}

struct series_only *series_only_hold(struct series_only *o)
{
	if (o)
		o->holders++;
	return o;
}

void series_only_release(struct series_only *o)
{
	if (!o || --o->holders > 0)
		return;
	free(o->text);
	free(o);
}

bool series_only_same(const struct series_only *a, const struct series_only *b)
{
	if (!a || !b || a->count != b->count)
		return a == b;
	for (size_t i = 0; i < a->count; i++)
		if (compare(&a->rows[i], &b->rows[i]) != 0)
			return false;
	return true;
}

/* The first row that is not before the name. */
static size_t place_of(const struct series_only *o, struct bytes name)
{
	size_t low = 0, high = o->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (bytes_compare(o->rows[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool series_only_has(const struct series_only *o, struct bytes family, enum exposition_type type)
{
	if (!o)
		return true;
	for (size_t i = place_of(o, family); i < o->count && bytes_equal(o->rows[i].name, family); i++)
		if (o->rows[i].types & 1u << type)
			return true;
	return false;
}

struct bytes series_only_behind(const struct series_only *o, struct bytes name)
{
	size_t i = place_of(o, name);

	while (i < o->count && bytes_equal(o->rows[i].name, name))
		i++;
	return i < o->count ? o->rows[i].name : (struct bytes){ NULL, 0 };
}
