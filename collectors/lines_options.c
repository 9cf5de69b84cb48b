#include "collectors/lines_options.h"

#include <stdio.h>
#include <string.h>

#include "config/option.h"

const char *const lines_formats[] = { "auto", "json", "text", NULL };
const char *const lines_file_formats[] = { "auto", "json", "text", "cri", "docker", NULL };
const char *const lines_shapes[] = { "java", "python", "go", "node", NULL };

static unsigned shapes_of(const struct option_list *list)
{
	unsigned bits = 0;

	for (size_t i = 0; list && i < list->count; i++)
		for (unsigned shape = 0; lines_shapes[shape]; shape++)
			bits |= (unsigned)(strcmp(list->items[i], lines_shapes[shape]) == 0) << shape;
	return bits;
}

bool lines_multiline_check(const struct lines_multiline *m, char *why, size_t room)
{
	struct line_start spare;
	const char *wrong = m->start ? line_start_compile(m->start, &spare) : NULL;

	if (wrong)
		snprintf(why, room, "multiline_start: %s", wrong);
	else if (m->start && m->shapes->count > 0)
		snprintf(why, room,
			"multiline and multiline_start do not go together: only one can tell where a message begins");
	else
		return true;
	return false;
}

struct line_start *lines_multiline_set(const struct lines_multiline *m, struct multiline *ret)
{
	struct line_start *start = m->start ? oxp_new(sizeof *start) : NULL;

	ret->shapes = shapes_of(m->shapes);
	if (start && !line_start_compile(m->start, start))
		ret->start = start;
	return start;
}
