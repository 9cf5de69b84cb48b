#include "admin/own_numbers.h"

#include <errno.h>
#include <stdlib.h>

#include "core.h"
#include "series/only.h"
#include "status/report.h"

/* Of the text: from # HELP to the next. */
struct family {
	struct bytes text, name;
	enum exposition_type type;
};

static int write_all(const struct core *c, bool openmetrics, struct buffer *to)
{
	int failed = counters_write(&c->counters, to, openmetrics);

	if (!failed)
		failed = report_ledger_metrics(&c->ledger, to);
	if (!failed)
		failed = report_slices(loop_slices(c->loop), to);
	return failed;
}

/* The line, without its end, which is taken away from the text. */
static struct bytes take_line(struct bytes *text)
{
	const char *end = memchr(text->data, '\n', text->size);
	struct bytes line = { text->data, (size_t)(end - text->data) };

	*text = (struct bytes){ end + 1, text->size - line.size - 1 };
	return line;
}

static size_t size_of_name(struct bytes line)
{
	size_t i = 0;

	while (i < line.size && line.data[i] != ' ' && line.data[i] != '{')
		i++;
	return i;
}

static enum exposition_type type_of(struct bytes word)
{
	return bytes_are(word, "counter")     ? EXPOSITION_COUNTER
	       : bytes_are(word, "histogram") ? EXPOSITION_HISTOGRAM
					      : EXPOSITION_GAUGE;
}

/* From # HELP, # TYPE and at least one sample. A counter is called what its samples are called. */
static struct family take_family(struct bytes *text)
{
	static const size_t head = sizeof "# TYPE " - 1;
	struct family f = { .text = *text };
	struct bytes line;

	(void)take_line(text);
	line = take_line(text);
	line = (struct bytes){ line.data + head, line.size - head };
	f.name = (struct bytes){ line.data, size_of_name(line) };
	f.type = type_of((struct bytes){ line.data + f.name.size + 1, line.size - f.name.size - 1 });
	line = take_line(text);
	if (f.type == EXPOSITION_COUNTER)
		f.name = (struct bytes){ line.data, size_of_name(line) };
	while (text->size > 0 && *text->data != '#')
		(void)take_line(text);
	f.text.size = (size_t)(text->data - f.text.data);
	return f;
}

static size_t count_families(struct bytes text)
{
	size_t count = 0;

	while (text.size > 0) {
		struct bytes line = take_line(&text);
		count += line.size > 2 && line.data[2] == 'H' && line.data[0] == '#';
	}
	return count;
}

/* Nearly all stand in order already. */
static void insert(struct family *all, size_t count, struct family f)
{
	while (count > 0 && bytes_compare(f.name, all[count - 1].name) < 0) {
		all[count] = all[count - 1];
		count--;
	}
	all[count] = f;
}

static int write_in_order(struct bytes text, const struct series_only *only, struct buffer *to)
{
	size_t count = count_families(text);
	struct family *all = calloc(count + 1, sizeof *all);
	int failed = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		insert(all, i, take_family(&text));
	for (size_t i = 0; i < count && !failed; i++)
		if (series_only_has(only, all[i].name, all[i].type))
			failed = buffer_append(to, all[i].text.data, all[i].text.size);
	free(all);
	return failed;
}

int own_numbers_write(
	const struct core *c, enum exposition_format format, const struct series_only *only, struct buffer *to)
{
	struct buffer all;
	int failed;

	buffer_init(&all, OWN_NUMBERS_MAX);
	failed = write_all(c, format == EXPOSITION_OPENMETRICS, &all);
	if (!failed)
		failed = write_in_order(buffer_bytes(&all), only, to);
	buffer_done(&all);
	return failed;
}
