#include "series/span_sets.h"

#include <errno.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/text.h"
#include "proto/exposition_number.h"
#include "proto/exposition_write.h"
#include "series/table.h"

enum {
	MENDED_MAX = 3 * SPAN_LABEL_MAX, /* U+FFFD for each byte */
	LABELS = 4 + SPAN_DIMENSIONS_MAX,
	KEY_MAX = 2 + (LABELS - 2) * (1 + SPAN_LABEL_MAX),
	AGED_AT_ONCE = 300, /* sets that are freed in one callback: a tenth of a millisecond */
	FULL_MS = 1000, /* for so long no set is made when one found no room */
	LINE = 4 + 32 + SPAN_BOUND_TEXT + 16, /* braces, a value, le="", a suffix, the line's end */
	EXEMPLAR = 128,
	FAMILY_LINES = 512, /* # HELP and # TYPE of both */
};

static const struct span_words words[] = {
	[SPAN_NAMES_MILLISECONDS] = { "traces_span_metrics_", "traces_span_metrics_calls",
		"traces_span_metrics_duration_milliseconds", "service_name", 1e6 },
	[SPAN_NAMES_SECONDS] = { "traces_span_metrics_", "traces_span_metrics_calls",
		"traces_span_metrics_duration_seconds", "service_name", 1e9 },
	[SPAN_NAMES_TEMPO] = { "traces_spanmetrics_", "traces_spanmetrics_calls", "traces_spanmetrics_latency",
		"service", 1e9 },
};

static const char *const kinds[] = { "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
	"SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER" };
static const char *const statuses[] = { "STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR" };

size_t span_calls_line(const struct span_table *t, size_t labels)
{
	return strlen(t->words.calls) + labels + LINE;
}

size_t span_durations_line(const struct span_table *t, size_t labels)
{
	size_t buckets = t->bound_count + 1, lines = buckets + 2;

	return lines * (strlen(t->words.durations) + labels + LINE) + (t->exemplars ? buckets * EXEMPLAR : 0);
}

/* How many series a set is. */
static size_t weight(const struct span_table *t)
{
	return t->bound_count + 1 + 3;
}

/* The labels, as they stand on the page. */

static bool put_label(struct buffer *b, const char *name, struct bytes value)
{
	char mended[MENDED_MAX], *to, *from;
	size_t size = utf8_mend(value.data, value.size, mended), name_size = strlen(name);

	from = to = buffer_reserve(b, name_size + 2 * size + 4);
	if (!to)
		return false;
	if (b->size > 0)
		*to++ = ',';
	memcpy(to, name, name_size);
	to += name_size;
	*to++ = '=';
	*to++ = '"';
	for (size_t i = 0; i < size; i++) {
		if (mended[i] == '\\' || mended[i] == '"' || mended[i] == '\n')
			*to++ = '\\';
		*to++ = mended[i] == '\n' ? 'n' : mended[i];
	}
	*to++ = '"';
	b->size += (size_t)(to - from);
	return true;
}

/* In series.scratch; without data if there is no memory. `c` is what a key holds: short enough. */
static struct bytes render(struct span_table *t, const struct span_counted *c)
{
	struct buffer *b = &t->series->scratch;
	bool fine;

	buffer_clear(b);
	fine = put_label(b, t->words.service, c->service) && put_label(b, "span_kind", bytes_of(kinds[c->kind])) &&
	       put_label(b, "span_name", c->name) && put_label(b, "status_code", bytes_of(statuses[c->status]));
	for (size_t i = 0; i < t->dimension_count && fine; i++)
		fine = put_label(b, t->dimensions[i], c->dimensions[i]);
	return fine ? buffer_bytes(b) : (struct bytes){ NULL, 0 };
}

static struct bytes render_other(struct span_table *t)
{
	const struct bytes other = { "other", 5 };
	struct buffer *b = &t->series->scratch;
	bool fine;

	buffer_clear(b);
	fine = put_label(b, "otel_metric_overflow", bytes_of("true")) && put_label(b, t->words.service, other) &&
	       put_label(b, "span_kind", other) && put_label(b, "span_name", other) &&
	       put_label(b, "status_code", other);
	return fine ? buffer_bytes(b) : (struct bytes){ NULL, 0 };
}

/* Sets. */

static bool has_room(const struct span_table *t)
{
	const struct series *s = t->series;
	size_t sets = t->map.count + 1;

	return t->map.count < t->sets_max && s->weight + s->counted + weight(t) <= s->limits.series &&
	       (sets + 1) * (weight(t) - 1) <= s->limits.family_series;
}

static struct span_set *set_new(struct span_table *t, struct bytes key, struct bytes labels)
{
	size_t buckets = t->bound_count + 1, exemplars = t->exemplars ? buckets * sizeof(struct span_exemplar) : 0;
	size_t head = span_rounded(sizeof(struct span_set)), counts = buckets * sizeof(uint64_t);
	size_t size = head + counts + exemplars + key.size + labels.size;
	size_t line = span_calls_line(t, labels.size) + span_durations_line(t, labels.size);
	struct span_set *set = series_alloc(t->series, size, line);
	char *at = (char *)set + head;

	if (!set)
		return NULL;
	set->size = size;
	set->line = line;
	set->buckets = (uint64_t *)(void *)at;
	set->exemplars = t->exemplars ? (struct span_exemplar *)(void *)(at + counts) : NULL;
	at += counts + exemplars;
	memcpy(at, key.data, key.size);
	memcpy(at + key.size, labels.data, labels.size);
	set->key = at;
	set->labels = at + key.size;
	set->key_size = key.size;
	set->label_size = labels.size;
	set->number = ++t->numbers;
	set->prev = t->last;
	*(t->last ? &t->last->next : &t->first) = set;
	t->last = set;
	t->series->counted += weight(t);
	return set;
}

static void set_free(struct span_table *t, struct span_set *set)
{
	OXP_ASSERT(set->held == 0);
	*(set->prev ? &set->prev->next : &t->first) = set->next;
	*(set->next ? &set->next->prev : &t->last) = set->prev;
	t->series->counted -= weight(t);
	t->version++;
	series_release(t->series, set, set->size, set->line);
}

static void age(struct span_table *t, struct mono_time now)
{
	size_t left = AGED_AT_ONCE;

	for (struct span_set *set = t->first->next, *next; set && left > 0 && t->age.ns > 0; set = next) {
		next = set->next;
		if (set->held > 0 || mono_since(now, set->touched).ns <= t->age.ns)
			continue;
		map_remove(&t->map, &set->node);
		set_free(t, set);
		left--;
	}
}

static struct span_set *set_find(const struct span_table *t, struct bytes key, uint64_t hash)
{
	for (struct map_node *n = map_first(&t->map, hash); n; n = map_next(n)) {
		struct span_set *set = CONTAINER_OF(n, struct span_set, node);
		if (bytes_equal((struct bytes){ set->key, set->key_size }, key))
			return set;
	}
	return NULL;
}

static struct span_set *try_make(struct span_table *t, struct bytes key, const struct span_counted *c)
{
	struct bytes labels = has_room(t) ? render(t, c) : (struct bytes){ NULL, 0 };

	return labels.data ? set_new(t, key, labels) : NULL;
}

/* NULL: there is no room. */
static struct span_set *set_make(
	struct span_table *t, struct bytes key, const struct span_counted *c, uint64_t hash, struct mono_time now)
{
	struct span_set *set;

	if (now.ns < t->full_until.ns)
		return NULL;
	set = try_make(t, key, c);
	if (!set) {
		age(t, now);
		set = try_make(t, key, c);
	}
	if (!set) {
		t->full_until = mono_after(now, DURATION_MS(FULL_MS));
		return NULL;
	}
	set->touched = now;
	set->node.hash = hash;
	map_put(&t->map, &set->node);
	return set;
}

/* The key: kind, status, and each text with its size before it. */

/* Cut between two characters. */
static struct bytes shortened(struct bytes text)
{
	size_t size = SPAN_LABEL_MAX;

	if (LIKELY(text.size <= SPAN_LABEL_MAX))
		return text;
	while (size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
		size--;
	return (struct bytes){ text.data, size };
}

static char *put_key(char *to, struct bytes text)
{
	*to++ = (char)text.size;
	if (text.size > 0)
		memcpy(to, text.data, text.size);
	return to + text.size;
}

/* Makes each part of *c one that a key can hold. */
static struct bytes key_of(const struct span_table *t, struct span_counted *c, struct bytes *dimensions, char *to)
{
	char *at = to;

	c->kind = c->kind < COUNT_OF(kinds) ? c->kind : 0;
	c->status = c->status < COUNT_OF(statuses) ? c->status : 0;
	c->service = shortened(c->service);
	c->name = shortened(c->name);
	*at++ = (char)c->kind;
	*at++ = (char)c->status;
	at = put_key(at, c->service);
	at = put_key(at, c->name);
	for (size_t i = 0; i < t->dimension_count; i++) {
		dimensions[i] = shortened(c->dimensions[i]);
		at = put_key(at, dimensions[i]);
	}
	c->dimensions = dimensions;
	return (struct bytes){ to, (size_t)(at - to) };
}

struct span_set *span_set_of(struct span_table *t, const struct span_counted *counted, struct mono_time now)
{
	struct bytes dimensions[SPAN_DIMENSIONS_MAX], key;
	struct span_counted c = *counted;
	struct span_set *set;
	char room[KEY_MAX];
	uint64_t hash;

	key = key_of(t, &c, dimensions, room);
	hash = XXH3_64bits_withSeed(key.data, key.size, t->series->seed);
	set = set_find(t, key, hash);
	if (UNLIKELY(!set))
		set = set_make(t, key, &c, hash, now);
	return set ? set : t->first;
}

/* The table. */

static void fill(struct span_table *t, const struct span_table_options *o)
{
	t->words = words[o->names];
	t->bound_count = o->bound_count;
	for (size_t i = 0; i < o->bound_count; i++) {
		size_t size = exposition_number_format((double)o->bounds_ns[i] / t->words.unit_ns, t->bounds[i]);
		OXP_ASSERT(size < SPAN_BOUND_TEXT);
		t->bounds[i][size] = '\0';
		t->bounds_ns[i] = o->bounds_ns[i];
	}
	memcpy(t->bounds[o->bound_count], "+Inf", sizeof "+Inf");
	for (size_t i = 0; i < o->dimension_count; i++)
		t->dimensions[i] = o->dimensions[i];
	t->dimension_count = o->dimension_count;
	t->sets_max = o->sets;
	t->age = o->age;
	t->exemplars = o->exemplars;
	t->beyond = o->beyond;
}

int span_table_new(struct series *s, const struct span_table_options *o, struct span_table **ret)
{
	struct span_table *t;
	struct bytes labels;

	OXP_ASSERT(o->bound_count <= SPAN_BOUNDS_MAX && o->dimension_count <= SPAN_DIMENSIONS_MAX);
	if (s->spans)
		return -EEXIST;
	t = series_alloc(s, sizeof *t, FAMILY_LINES);
	if (!t)
		return -ENOMEM;
	t->series = s;
	fill(t, o);
	labels = render_other(t);
	if (map_init(&t->map) || !labels.data || !set_new(t, (struct bytes){ "", 0 }, labels)) {
		span_table_free(t);
		return -ENOMEM;
	}
	*ret = s->spans = t;
	return 0;
}

void span_table_free(struct span_table *t)
{
	struct span_set *set;

	if (!t)
		return;
	while ((set = t->first))
		set_free(t, set);
	map_done(&t->map);
	if (t->series->spans == t)
		t->series->spans = NULL;
	series_release(t->series, t, sizeof *t, FAMILY_LINES);
}

bool span_label_name(struct bytes attribute, char *to)
{
	static const char *const own[] = { "service_name", "service", "span_kind", "span_name", "status_code",
		"otel_metric_overflow", "le" };
	size_t size = exposition_name_escape(attribute, true, EXPOSITION_UNDERSCORES, to);
	bool fine = size > 0;

	to[size] = '\0';
	for (size_t i = 0; i < COUNT_OF(own); i++)
		fine = fine && strcmp(to, own[i]) != 0;
	return fine;
}

void series_age(struct series *s, struct mono_time now)
{
	if (s->spans)
		age(s->spans, now);
}
