#include "pipeline/metric_where.h"

#include <stdio.h>

#include "base/text.h"

static const char *const types[] = { [EXPOSITION_UNTYPED] = "unknown",
	[EXPOSITION_COUNTER] = "counter",
	[EXPOSITION_GAUGE] = "gauge",
	[EXPOSITION_HISTOGRAM] = "histogram",
	[EXPOSITION_SUMMARY] = "summary",
	[EXPOSITION_INFO] = "info",
	[EXPOSITION_STATESET] = "stateset",
	[EXPOSITION_GAUGEHISTOGRAM] = "gaugehistogram" };

bool metric_label_fine(const char *name, char *why, size_t room)
{
	const char *wrong = NULL;

	if (!*name || !utf8_valid(name, strlen(name)))
		wrong = "a name is empty, or not UTF-8";
	else if (strncmp(name, "__", 2) == 0)
		wrong = "labels that begin with __ are internal; to rename a metric, use `names` of rename";
	else if (strcmp(name, "le") == 0 || strcmp(name, "quantile") == 0)
		wrong = "a histogram consists of le, a summary of quantile";
	if (wrong)
		snprintf(why, room, "\"%s\" cannot be a label here: %s", name, wrong);
	return !wrong;
}

static bool read_term(struct metric_where *w, const struct option_pair *pair, char *why, size_t room)
{
	static const char labels[] = "labels.";
	struct metric_where_term *t = &w->terms[w->count++];
	bool prefixed = strncmp(pair->key, labels, sizeof labels - 1) == 0;
	const char *wanted = NULL;

	t->what = strcmp(pair->key, "name") == 0   ? METRIC_WHERE_NAME
		  : strcmp(pair->key, "type") == 0 ? METRIC_WHERE_TYPE
						   : METRIC_WHERE_LABEL;
	t->label = bytes_of(pair->key + (prefixed ? sizeof labels - 1 : 0));
	if (t->label.size == 0)
		wanted = "a name in front of it";
	else if (pattern_read(&t->pattern, pair->value) < 0)
		wanted = "a text, or one of < <= > >= and a number";
	else if (t->what == METRIC_WHERE_TYPE && !pattern_is_of(&t->pattern, types, COUNT_OF(types)))
		wanted = "some of counter, gauge, histogram, gaugehistogram, summary, info, stateset, unknown with | "
			 "between";
	if (wanted)
		snprintf(why, room, "where: %s is \"%s\"; expected %s", pair->key, pair->value, wanted);
	return !wanted;
}

bool metric_where_read(struct metric_where *w, const struct option_map *map, char *why, size_t room)
{
	w->count = 0;
	if (map->count > METRIC_WHERE_MAX) {
		snprintf(why, room, "where: at most %d terms", METRIC_WHERE_MAX);
		return false;
	}
	for (size_t i = 0; i < map->count; i++)
		if (!read_term(w, &map->pairs[i], why, room))
			return false;
	return true;
}

/* Either of both names is meant; with ! neither may be. */
static bool name_fits(const struct pattern *p, const struct series_edit *e)
{
	bool metric = pattern_fits_text(p, e->metric), line = pattern_fits_text(p, e->line);

	return p->negated ? metric && line : metric || line;
}

static bool label_fits(const struct metric_where_term *t, const struct series_edit *e)
{
	struct bytes value = relabel_set_get(e->labels, t->label);

	return value.size > 0 ? pattern_fits_text(&t->pattern, value) : pattern_fits_nothing(&t->pattern);
}

bool metric_where_fits(const struct metric_where *w, const struct series_edit *e)
{
	bool fits = true;

	for (size_t i = 0; i < w->count && fits; i++) {
		const struct metric_where_term *t = &w->terms[i];
		if (t->what == METRIC_WHERE_NAME)
			fits = name_fits(&t->pattern, e);
		else if (t->what == METRIC_WHERE_TYPE)
			fits = pattern_fits_text(&t->pattern, bytes_of(types[e->type]));
		else
			fits = label_fits(t, e);
	}
	return fits;
}
