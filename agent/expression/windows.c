#include "expression/windows.h"

#include <stdlib.h>
#include <xxhash.h>

#include "expression/label_set.h"
#include "proto/regex.h"

struct windows *windows_new(const struct expression *e, struct windows_room *room, uint64_t seed)
{
	struct windows *w = oxp_new(sizeof *w);

	*w = (struct windows){ .expression = e, .room = room, .seed = seed };
	for (size_t i = 0; i < e->selector_count; i++)
		w->window[i].selector = &e->selectors[i];
	return w;
}

static size_t series_bytes(const struct window_series *s)
{
	return sizeof *s + s->labels.size + s->room * sizeof *s->samples;
}

static void free_series(struct windows *w, struct selector_window *of, struct window_series **link)
{
	struct window_series *s = *link;

	*link = s->next;
	of->series--;
	w->room->left += series_bytes(s);
	free((char *)s->labels.data);
	free(s->samples);
	free(s);
}

typedef bool series_goes(const struct windows *, struct window_series *, int64_t since);

static void drop_of_bucket(struct windows *w, struct selector_window *of, size_t bucket, series_goes *goes)
{
	int64_t since = w->ms - duration_ms(of->selector->range);

	for (struct window_series **link = &of->buckets[bucket]; *link;)
		if (goes(w, *link, since))
			free_series(w, of, link);
		else
			link = &(*link)->next;
}

/* Of each window the series for which goes() is true. */
static void drop_series(struct windows *w, series_goes *goes)
{
	for (size_t i = 0; i < w->expression->selector_count; i++)
		for (size_t bucket = 0; bucket < WINDOW_BUCKETS; bucket++)
			drop_of_bucket(w, &w->window[i], bucket, goes);
}

static bool each_goes(const struct windows *w, struct window_series *s, int64_t since)
{
	(void)w, (void)s, (void)since;
	return true;
}

void windows_free(struct windows *w)
{
	if (!w)
		return;
	drop_series(w, each_goes);
	free(w);
}

void windows_begin(struct windows *w, int64_t ms)
{
	if (w->page > 0 && ms <= w->ms)
		drop_series(w, each_goes);
	w->ms = ms;
	w->page++;
	w->cramped = false;
}

/* Samples. */

static bool take_room(struct windows *w, size_t bytes)
{
	if (w->room->left < bytes) {
		w->cramped = true;
		return false;
	}
	w->room->left -= bytes;
	return true;
}

static bool matches(const struct selector *s, struct bytes labels)
{
	struct bytes groups[REGEX_GROUPS_MAX];

	for (size_t i = 0; i < s->matcher_count; i++) {
		const struct matcher *m = &s->matchers[i];
		struct bytes value = label_set_value(labels, m->label);
		bool same = m->regex ? regex_find(m->regex, value.data ? value : bytes_of(""), groups) == REGEX_YES
				     : bytes_equal(value, m->value);
		if (same != (m->how == MATCHER_IS || m->how == MATCHER_LIKE))
			return false;
	}
	return true;
}

static struct window_series *find_series(const struct selector_window *of, struct bytes labels, uint64_t hash)
{
	struct window_series *s = of->buckets[hash % WINDOW_BUCKETS];

	while (s && (s->hash != hash || !bytes_equal(s->labels, labels)))
		s = s->next;
	return s;
}

static struct window_series *add_series(
	struct windows *w, struct selector_window *of, struct bytes labels, uint64_t hash)
{
	struct window_series **bucket = &of->buckets[hash % WINDOW_BUCKETS], *s;

	if (of->series == WINDOW_SERIES_MAX) {
		w->cramped = true;
		return NULL;
	}
	if (!take_room(w, sizeof *s + labels.size))
		return NULL;
	s = oxp_new(sizeof *s);
	*s = (struct window_series){ .next = *bucket, .hash = hash };
	if (labels.size > 0)
		s->labels = (struct bytes){ memcpy(oxp_new(labels.size), labels.data, labels.size), labels.size };
	*bucket = s;
	of->series++;
	return s;
}

/* Makes the array larger; the oldest samples are cut off first. */
static bool grow(struct windows *w, struct window_series *s)
{
	size_t room = s->room ? 2 * s->room : 1, more = (room - s->room) * sizeof *s->samples;
	struct sample *samples;

	if (s->first > s->room / 2) {
		memmove(s->samples, s->samples + s->first, s->count * sizeof *s->samples);
		s->first = 0;
		return true;
	}
	if (!take_room(w, more))
		return false;
	samples = realloc(s->samples, room * sizeof *samples);
	if (!samples) {
		w->room->left += more;
		w->cramped = true;
		return false;
	}
	s->samples = samples;
	s->room = room;
	return true;
}

static void cut_old(struct window_series *s, int64_t since)
{
	while (s->count > 0 && s->samples[s->first].ms <= since)
		s->first++, s->count--;
	if (s->count == 0)
		s->first = 0;
}

static void add_sample(struct windows *w, const struct selector_window *of, struct window_series *s, double value)
{
	if (of->selector->range.ns == 0)
		s->first = s->count = 0;
	else
		cut_old(s, w->ms - duration_ms(of->selector->range));
	if (s->first + s->count == s->room && !grow(w, s))
		return;
	s->samples[s->first + s->count++] = (struct sample){ w->ms, value };
	s->page = w->page;
}

void windows_take(struct windows *w, const struct exposition_sample *sample)
{
	char packed[WINDOW_LABELS_MAX];
	struct bytes labels = { NULL, 0 };
	uint64_t hash = 0;

	if (sample->excess || sample->bad_native)
		return;
	for (size_t i = 0; i < w->expression->selector_count; i++) {
		struct selector_window *of = &w->window[i];
		struct window_series *s;
		if (!bytes_equal(sample->name, of->selector->name))
			continue;
		if (label_set_room(sample) > sizeof packed) {
			w->cramped = true;
			return;
		}
		if (!labels.data) {
			labels = (struct bytes){ packed, label_set_pack(sample, packed) };
			hash = XXH3_64bits_withSeed(packed, labels.size, w->seed);
		}
		s = find_series(of, labels, hash);
		if (!s && matches(of->selector, labels))
			s = add_series(w, of, labels, hash);
		if (s && s->page != w->page)
			add_sample(w, of, s, sample->value);
	}
}

static bool has_ended(const struct windows *w, struct window_series *s, int64_t since)
{
	if (s->page != w->page && since == w->ms)
		return true;
	if (since < w->ms)
		cut_old(s, since);
	return s->count == 0;
}

void windows_end(struct windows *w)
{
	drop_series(w, has_ended);
}

static size_t check_bucket(const struct selector_window *of, size_t bucket)
{
	size_t series = 0;

	for (const struct window_series *s = of->buckets[bucket]; s; s = s->next, series++) {
		OXP_ASSERT(s->first + s->count <= s->room);
		OXP_ASSERT(s->hash % WINDOW_BUCKETS == bucket);
		for (size_t k = 1; k < s->count; k++)
			OXP_ASSERT(s->samples[s->first + k - 1].ms < s->samples[s->first + k].ms);
	}
	return series;
}

void windows_check(const struct windows *w)
{
	for (size_t i = 0; i < w->expression->selector_count; i++) {
		size_t series = 0;
		for (size_t bucket = 0; bucket < WINDOW_BUCKETS; bucket++)
			series += check_bucket(&w->window[i], bucket);
		OXP_ASSERT(series == w->window[i].series && series <= WINDOW_SERIES_MAX);
	}
}
