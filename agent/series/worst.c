#include "series/worst.h"

#include <stdio.h>
#include <xxhash.h>

static size_t smallest(const struct worst *w)
{
	size_t least = 0;

	for (size_t i = 1; i < w->count; i++)
		if (w->most[i]->weight < w->most[least]->weight)
			least = i;
	return least;
}

void worst_refresh(struct worst *w)
{
	w->least = w->count == WORST_BY_SERIES ? w->most[smallest(w)]->weight : 0;
}

void worst_rank(struct worst *w, struct family *f)
{
	size_t at = w->count;

	if (w->count == WORST_BY_SERIES) {
		at = smallest(w);
		if (f->weight <= w->most[at]->weight) {
			worst_refresh(w);
			return;
		}
		w->most[at]->ranked = false;
	} else {
		w->count++;
	}
	w->most[at] = f;
	f->ranked = true;
	worst_refresh(w);
}

void worst_forget(struct worst *w, struct family *f)
{
	if (!f->ranked)
		return;
	for (size_t i = 0; i < w->count; i++)
		if (w->most[i] == f) {
			w->most[i] = w->most[--w->count];
			break;
		}
	f->ranked = false;
	worst_refresh(w);
}

static size_t row_of(const struct worst *w, uint64_t hash)
{
	size_t i = 0;

	while (i < w->drops && w->dropped[i].hash != hash)
		i++;
	return i;
}

static size_t fewest(const struct worst *w)
{
	size_t least = 0;

	for (size_t i = 1; i < w->drops; i++)
		if (w->dropped[i].samples < w->dropped[least].samples)
			least = i;
	return least;
}

void worst_drop(struct worst *w, struct bytes name, const char *why, uint64_t samples)
{
	uint64_t hash = XXH3_64bits(name.data, name.size);
	size_t i = row_of(w, hash);

	if (i == w->drops) {
		i = w->drops < WORST_BY_DROPS ? w->drops++ : fewest(w);
		w->dropped[i].hash = hash;
		snprintf(w->dropped[i].name, SERIES_NAME_SHOWN, "%.*s", (int)smaller(name.size, SERIES_NAME_SHOWN),
			name.data ? name.data : "");
	}
	w->dropped[i].why = why;
	w->dropped[i].samples += samples;
}

/* The row of that name among the first ones; a new one if there is none. */
static struct series_worst *row_for(struct series_worst *rows, size_t *count, struct bytes name)
{
	size_t size = smaller(name.size, SERIES_NAME_SHOWN - 1), i = 0;

	while (i < *count && (strlen(rows[i].name) != size || memcmp(rows[i].name, name.data, size) != 0))
		i++;
	if (i < *count)
		return &rows[i];
	rows[i] = (struct series_worst){ .why = "" };
	memcpy(rows[i].name, name.data, size);
	++*count;
	return &rows[i];
}

static bool is_worse(const struct series_worst *a, const struct series_worst *b)
{
	return a->series > b->series || (a->series == b->series && a->dropped > b->dropped);
}

size_t worst_list(const struct worst *w, struct series_worst ret[SERIES_WORST_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < w->count; i++)
		if (w->most[i]->weight > 0)
			row_for(ret, &count, family_name(w->most[i]))->series = w->most[i]->weight;
	for (size_t i = 0; i < w->drops; i++) {
		struct series_worst *row = row_for(ret, &count, bytes_of(w->dropped[i].name));
		row->dropped += w->dropped[i].samples;
		row->why = w->dropped[i].why;
	}
	for (size_t i = 1; i < count; i++) {
		const struct series_worst row = ret[i];
		size_t at = i;
		for (; at > 0 && is_worse(&row, &ret[at - 1]); at--)
			ret[at] = ret[at - 1];
		ret[at] = row;
	}
	return count;
}
