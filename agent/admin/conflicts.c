#include "admin/conflicts.h"

#include <stdio.h>
#include <stdlib.h>

/* Copies as much of the text as fits, terminated. */
static void copy_text(char *to, size_t room, struct bytes text)
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

	copy_text(like.field, sizeof like.field, m->field);
	copy_text(like.expected, sizeof like.expected, m->expected);
	row = find(c, &like);
	if (!row) {
		c->others++;
		return;
	}
	row->count++;
	copy_text(row->found, sizeof row->found, m->found);
	copy_text(row->sample, sizeof row->sample, m->sample);
}

void conflicts_done(struct conflicts *c)
{
	free(c->rows);
	*c = (struct conflicts){ .rows = NULL };
}

static void put_row(struct json_writer *w, const struct conflict *row)
{
	json_put_object(w, NULL);
	json_put_string(w, "destination", row->destination);
	json_put_string(w, "field", row->field);
	json_put_string(w, "expected", row->expected);
	json_put_string(w, "found", row->found);
	json_put_string(w, "sample", row->sample);
	json_put_u64(w, "count", row->count);
	json_put_end(w);
}

void conflicts_report(void *conflicts, const char *name, struct json_writer *w)
{
	const struct conflicts *c = conflicts;

	json_put_array(w, name);
	for (size_t i = 0; i < c->count; i++)
		put_row(w, &c->rows[i]);
	if (c->others) {
		json_put_object(w, NULL);
		json_put_string(w, "field", "");
		json_put_string(w, "found", "other fields");
		json_put_u64(w, "count", c->others);
		json_put_end(w);
	}
	json_put_end(w);
}
