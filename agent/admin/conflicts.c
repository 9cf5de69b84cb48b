#include "admin/conflicts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

/* What of the text fits, terminated. */
static void keep(char *to, size_t room, struct bytes text)
{
	snprintf(to, room, "%.*s", (int)(text.size < room ? text.size : room - 1), text.data);
}

static struct conflict *find(struct conflicts *c, const struct conflict *like)
{
	struct conflict *row = c->rows;

	for (size_t i = 0; i < c->count; i++, row++)
		if (strcmp(row->destination, like->destination) == 0 && strcmp(row->field, like->field) == 0 &&
			strcmp(row->expected, like->expected) == 0)
			return row;
	if (c->count == CONFLICTS_MAX)
		return NULL;
	if (!c->rows)
		c->rows = oxp_new(CONFLICTS_MAX * sizeof *c->rows);
	row = &c->rows[c->count++];
	*row = *like;
	return row;
}

void conflicts_add(struct conflicts *c, const char *destination, const struct mapping_conflict *m)
{
	struct conflict like = { .destination = destination }, *row;

	keep(like.field, sizeof like.field, m->field);
	keep(like.expected, sizeof like.expected, m->expected);
	row = find(c, &like);
	if (!row) {
		c->others++;
		return;
	}
	row->count++;
	keep(row->found, sizeof row->found, m->found);
	keep(row->sample, sizeof row->sample, m->sample);
}

void conflicts_done(struct conflicts *c)
{
	free(c->rows);
	*c = (struct conflicts){ .rows = NULL };
}

static int write_text(struct buffer *out, const char *start, const char *text)
{
	int failed = buffer_text(out, start);

	return failed ? failed : json_string_append(out, text, strlen(text));
}

static int write_row(const struct conflict *row, struct buffer *out)
{
	return write_text(out, "{\"destination\":", row->destination) || write_text(out, ",\"field\":", row->field) ||
	       write_text(out, ",\"expected\":", row->expected) || write_text(out, ",\"found\":", row->found) ||
	       write_text(out, ",\"sample\":", row->sample) ||
	       buffer_printf(out, ",\"count\":%llu}", (unsigned long long)row->count);
}

int conflicts_report(void *conflicts, struct buffer *out)
{
	const struct conflicts *c = conflicts;
	int failed = buffer_text(out, "[");

	for (size_t i = 0; i < c->count && !failed; i++)
		failed = buffer_text(out, i ? "," : "") || write_row(&c->rows[i], out);
	if (!failed && c->others)
		failed = buffer_printf(out, ",{\"field\":\"\",\"found\":\"other fields\",\"count\":%llu}",
			(unsigned long long)c->others);
	return failed || buffer_text(out, "]");
}
