#include "pipeline/log_where.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/log_level.h"

enum { TEXT_MAX = 64 << 10, TEXT_KEPT = 4096, NUMBER_MAX = 64 };

static bool are_levels(const struct pattern *p)
{
	const char *words[SEVERITIES];

	for (int i = 0; i < SEVERITIES; i++)
		words[i] = severity_name(i);
	return pattern_is_of(p, words, COUNT_OF(words));
}

static bool read_term(struct log_where *w, const struct option_pair *pair, char *why, size_t room)
{
	static const char members[] = "members.";
	struct log_where_term *t = &w->terms[w->count++];
	bool prefixed = strncmp(pair->key, members, sizeof members - 1) == 0;
	const char *wanted = NULL;

	t->level = strcmp(pair->key, "level") == 0;
	t->key = bytes_of(pair->key + (prefixed ? sizeof members - 1 : 0));
	if (t->key.size == 0)
		wanted = "a name in front of it";
	else if (pattern_read(&t->pattern, pair->value) < 0)
		wanted = "a text, or one of < <= > >= and a number";
	else if (t->level && !are_levels(&t->pattern))
		wanted = "some of trace, debug, info, warn, error, fatal, unknown with | between";
	if (wanted)
		snprintf(why, room, "where: %s is \"%s\"; expected %s", pair->key, pair->value, wanted);
	return !wanted;
}

bool log_where_read(struct log_where *w, const struct option_map *map, char *why, size_t room)
{
	buffer_init(&w->text, TEXT_MAX);
	w->count = 0;
	if (map->count > LOG_WHERE_MAX) {
		snprintf(why, room, "where: at most %d terms", LOG_WHERE_MAX);
		return false;
	}
	for (size_t i = 0; i < map->count; i++)
		if (!read_term(w, &map->pairs[i], why, room))
			return false;
	return true;
}

void log_where_done(struct log_where *w)
{
	buffer_done(&w->text);
}

static bool text_fits(struct log_where *w, const struct pattern *p, struct bytes inner)
{
	bool fits;

	if (!memchr(inner.data, '\\', inner.size))
		return pattern_fits_text(p, inner);
	buffer_clear(&w->text);
	fits = pattern_fits_text(p, json_decode(inner, &w->text) == 0 ? buffer_bytes(&w->text) : inner);
	buffer_give_back(&w->text, TEXT_KEPT);
	return fits;
}

static bool number_fits(const struct pattern *p, struct bytes value)
{
	char copy[NUMBER_MAX];

	if (value.size >= sizeof copy)
		return pattern_fits_nothing(p);
	memcpy(copy, value.data, value.size);
	copy[value.size] = '\0';
	return pattern_fits_number(p, strtod(copy, NULL));
}

static bool value_fits(struct log_where *w, const struct pattern *p, struct bytes value)
{
	switch (json_kind(value)) {
	case MEMBER_STRING:
		return text_fits(w, p, json_inner(value));
	case MEMBER_TRUE:
	case MEMBER_FALSE:
		return pattern_fits_text(p, value);
	case MEMBER_NUMBER:
		return number_fits(p, value);
	default:
		return pattern_fits_nothing(p);
	}
}

bool log_where_fits(struct log_where *w, const struct json_edit *e)
{
	bool fits = true;

	for (size_t i = 0; i < w->count && fits; i++) {
		const struct log_where_term *t = &w->terms[i];
		int at = t->level ? -1 : json_edit_find(e, t->key);
		if (t->level)
			fits = pattern_fits_text(&t->pattern, bytes_of(severity_name(severity_of_line(e))));
		else if (at >= 0)
			fits = value_fits(w, &t->pattern, json_edit_value(e, (size_t)at));
		else
			fits = pattern_fits_nothing(&t->pattern);
	}
	return fits;
}
