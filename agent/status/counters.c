#include "status/counters.h"

#include <stdlib.h>

#include "base/writer.h"

struct counter *counter_row(
	struct counters *all, enum counter_kind kind, const char *name, const char *labels, const char *help)
{
	struct counter *row, **at = &all->first, **after = NULL;

	for (; (row = *at); at = &row->next) {
		if (strcmp(row->name, name) != 0)
			continue;
		if (strcmp(row->labels, labels) == 0)
			return row;
		after = &row->next;
	}
	if (after)
		at = after;
	row = oxp_new(sizeof *row);
	*row = (struct counter){ .next = *at,
		.kind = kind,
		.name = oxp_strdup(name),
		.help = oxp_strdup(help),
		.labels = oxp_strdup(labels) };
	*at = row;
	return row;
}

void counters_done(struct counters *all)
{
	for (struct counter *row; (row = all->first);) {
		all->first = row->next;
		free(row->name);
		free(row->help);
		free(row->labels);
		free(row);
	}
}

/* Of the family's name. */
static int name_size(const struct counter *row, bool openmetrics)
{
	static const char total[] = "_total";
	size_t size = strlen(row->name), end = sizeof total - 1;
	bool cut =
		openmetrics && row->kind == COUNTER_GROWS && size > end && strcmp(row->name + size - end, total) == 0;

	return (int)(cut ? size - end : size);
}

static void put_head(struct writer *w, const struct counter *row, bool openmetrics)
{
	int size = name_size(row, openmetrics);

	writer_printf(w, "# HELP oxpecker_%.*s %s\n# TYPE oxpecker_%.*s %s\n", size, row->name, row->help, size,
		row->name, row->kind == COUNTER_GAUGE ? "gauge" : "counter");
}

int counters_write(const struct counters *all, struct buffer *to, bool openmetrics)
{
	const char *family = "";
	struct writer w;

	writer_init(&w, to);
	for (const struct counter *row = all->first; row; row = row->next) {
		if (strcmp(family, row->name) != 0)
			put_head(&w, row, openmetrics);
		family = row->name;
		writer_printf(&w, *row->labels ? "oxpecker_%s{%s} " : "oxpecker_%s%s ", row->name, row->labels);
		if (row->read)
			writer_printf(&w, "%.17g\n", row->read(row->context));
		else
			writer_printf(&w, "%llu\n", (unsigned long long)row->value);
	}
	return writer_done(&w);
}
