#include "pipeline/span_where.h"

#include <stdio.h>

static const char *const words[] = { [WHERE_NAME] = "name",
	[WHERE_KIND] = "kind",
	[WHERE_STATUS] = "status",
	[WHERE_DURATION] = "duration",
	[WHERE_SCOPE] = "scope" };
/* By their numbers (opentelemetry-proto 1.x, trace.proto: SpanKind, StatusCode). */
static const char *const kinds[] = { "unspecified", "internal", "server", "client", "producer", "consumer" };
static const char *const statuses[] = { "unset", "ok", "error" };

struct span_name span_name_of(const char *option)
{
	static const char resource[] = "resource.", attributes[] = "attributes.";

	if (strncmp(option, resource, sizeof resource - 1) == 0)
		return (struct span_name){ OTLP_RESOURCE, option + sizeof resource - 1 };
	if (strncmp(option, attributes, sizeof attributes - 1) == 0)
		option += sizeof attributes - 1;
	return (struct span_name){ OTLP_SPAN, option };
}

/* What the pattern should have been; NULL if it is fine. */
static const char *expected(enum span_where_what what, const struct pattern *p)
{
	switch (what) {
	case WHERE_KIND:
		return pattern_is_of(p, kinds, COUNT_OF(kinds))
			       ? NULL
			       : "some of unspecified, internal, server, client, producer, consumer with | between";
	case WHERE_STATUS:
		return pattern_is_of(p, statuses, COUNT_OF(statuses)) ? NULL
								      : "some of unset, ok, error with | between";
	case WHERE_DURATION:
		return p->kind != PATTERN_TEXT ? NULL : "a comparison with a duration, such as >=500ms";
	default:
		return NULL;
	}
}

static bool read_term(struct span_where *w, const struct option_pair *pair, char *why, size_t room)
{
	struct span_name name = span_name_of(pair->key);
	struct span_where_term *t = &w->terms[w->count++];
	const char *wanted;

	t->what = WHERE_ATTRIBUTE;
	for (size_t k = 0; k < COUNT_OF(words); k++)
		if (strcmp(pair->key, words[k]) == 0)
			t->what = (enum span_where_what)k;
	t->level = name.level;
	t->key = bytes_of(name.name);
	wanted = pattern_read(&t->pattern, pair->value) < 0 ? "a text, or one of < <= > >= and a number"
							    : expected(t->what, &t->pattern);
	if (wanted)
		snprintf(why, room, "where: %s is \"%s\"; expected %s", pair->key, pair->value, wanted);
	return !wanted;
}

bool span_where_read(struct span_where *w, const struct option_map *map, char *why, size_t room)
{
	w->count = 0;
	if (map->count > WHERE_MAX) {
		snprintf(why, room, "where: at most %d terms", WHERE_MAX);
		return false;
	}
	for (size_t i = 0; i < map->count; i++)
		if (!read_term(w, &map->pairs[i], why, room))
			return false;
	return true;
}

uint64_t span_duration_ns(const struct otlp_view *span)
{
	return span->end_ns > span->start_ns ? span->end_ns - span->start_ns : 0;
}

static bool word_fits(const struct pattern *p, const char *const *list, size_t count, uint64_t number)
{
	return pattern_fits_text(p, bytes_of(number < count ? list[number] : list[0]));
}

static bool attribute_fits(const struct pattern *p, const struct otlp_part *part)
{
	struct otlp_any any = { .type = OTLP_VALUE_EMPTY };
	double number;

	if (part)
		any = otlp_any_read(part->value);
	switch (any.type) {
	case OTLP_VALUE_TEXT:
		return pattern_fits_text(p, any.bytes);
	case OTLP_VALUE_BOOL:
		return pattern_fits_text(p, bytes_of(any.number ? "true" : "false"));
	case OTLP_VALUE_INT:
		return pattern_fits_number(p, (double)(int64_t)any.number);
	case OTLP_VALUE_DOUBLE:
		memcpy(&number, &any.number, sizeof number);
		return pattern_fits_number(p, number);
	default:
		return pattern_fits_nothing(p);
	}
}

bool span_where_fits(const struct span_where *w, const struct record *record)
{
	const struct otlp_view *span = record->view, *views = record->request->views;
	bool fits = true;

	for (size_t i = 0; i < w->count && fits; i++) {
		const struct pattern *p = &w->terms[i].pattern;
		if (w->terms[i].what == WHERE_NAME)
			fits = pattern_fits_text(p, otlp_view_text(span, OTLP_SPAN_NAME));
		else if (w->terms[i].what == WHERE_KIND)
			fits = word_fits(p, kinds, COUNT_OF(kinds), span->kind);
		else if (w->terms[i].what == WHERE_STATUS)
			fits = word_fits(p, statuses, COUNT_OF(statuses), span->status);
		else if (w->terms[i].what == WHERE_DURATION)
			fits = pattern_fits_number(p, (double)span_duration_ns(span));
		else if (w->terms[i].what == WHERE_SCOPE)
			fits = pattern_fits_text(p, otlp_view_text(&views[OTLP_SCOPE], OTLP_SCOPE_NAME));
		else
			fits = attribute_fits(p, otlp_view_find(&views[w->terms[i].level], w->terms[i].key));
	}
	return fits;
}
