#include "status/counters.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/writer.h"
#include "proto/exposition_number.h"

static char *new_line(const char *name, const char *labels)
{
	static const char *const formats[] = { "oxpecker_%s%s ", "oxpecker_%s{%s} " };
	size_t room = strlen(name) + strlen(labels) + sizeof "oxpecker_{} ";
	char *line = oxp_new(room);

	snprintf(line, room, formats[*labels != '\0'], name, labels);
	return line;
}

struct counter *counter_row(
	struct counters *all, enum counter_kind kind, const char *name, const char *labels, const char *help)
{
	struct counter *row, **at = &all->first;
	int order;

	for (; (row = *at) && (order = strcmp(row->name, name)) <= 0; at = &row->next)
		if (order == 0 && strcmp(row->labels, labels) == 0)
			return row;
	row = oxp_new(sizeof *row);
	*row = (struct counter){ .next = *at,
		.kind = kind,
		.name = oxp_strdup(name),
		.help = oxp_strdup(help),
		.labels = oxp_strdup(labels),
		.line = new_line(name, labels) };
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
		free(row->line);
		free(row);
	}
}

/* Of the family's name. */
static size_t name_size(const struct counter *row, bool openmetrics)
{
	static const char total[] = "_total";
	size_t size = strlen(row->name), end = sizeof total - 1;
	bool cut =
		openmetrics && row->kind == COUNTER_GROWS && size > end && strcmp(row->name + size - end, total) == 0;

	return cut ? size - end : size;
}

static void put_head(struct writer *w, const struct counter *row, bool openmetrics)
{
	struct bytes name = { row->name, name_size(row, openmetrics) };

	writer_text(w, "# HELP oxpecker_");
	writer_bytes(w, name);
	writer_text(w, " ");
	writer_text(w, row->help);
	writer_text(w, "\n# TYPE oxpecker_");
	writer_bytes(w, name);
	writer_text(w, row->kind == COUNTER_GAUGE ? " gauge\n" : " counter\n");
}

static void put_number(struct writer *w, const struct counter *row)
{
	char text[EXPOSITION_NUMBER_SIZE];

	if (row->read)
		writer_bytes(w, (struct bytes){ text, exposition_number_format(row->read(row->context), text) });
	else
		writer_u64(w, row->value);
}

/* A page has hundreds of them, so they are not printed by a format. */
static void put_row(struct writer *w, const struct counter *row)
{
	writer_text(w, row->line);
	put_number(w, row);
	writer_text(w, "\n");
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
		put_row(&w, row);
	}
	return writer_done(&w);
}
