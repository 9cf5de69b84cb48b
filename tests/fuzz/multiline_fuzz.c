/*
 * Lines of any bytes, with the first line as a pattern and its first byte as the shapes: a line goes on with a message
 * only when there is one, and whether a line begins one by the pattern does not depend on what stands behind it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/multiline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take_line(const uint8_t **data, size_t *size, char **ret, size_t *ret_size)
{
	const uint8_t *end = *size ? memchr(*data, '\n', *size) : NULL;

	*ret_size = end ? (size_t)(end - *data) : *size;
	*ret = malloc(*ret_size + 1);
	memcpy(*ret, *data, *ret_size);
	(*ret)[*ret_size] = 0;
	*data += *ret_size + (end != NULL);
	*size -= *ret_size + (end != NULL);
	return *ret_size > 0 || end;
}

/* The line without room behind it, so that a look beyond its end is seen. */
static void check_line(const struct multiline *m, struct multiline_state *s, struct bytes line)
{
	bool open = s->open, begins = m->start && line_start_is(m->start, line);
	enum line_role role = multiline_next(m, s, line);

	OXP_ASSERT(open || role == LINE_ALONE || role == LINE_FIRST);
	OXP_ASSERT(s->open == (role != LINE_ALONE));
	OXP_ASSERT(!m->start || !begins || role == LINE_FIRST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct multiline_state s = { .open = false };
	struct multiline m = { .shapes = size ? data[0] & 15 : 0 };
	struct line_start start;
	size_t line_size;
	char *line;

	if (!take_line(&data, &size, &line, &line_size)) {
		free(line);
		return 0;
	}
	if (!line_start_compile(line, &start) && line_size & 1)
		m.start = &start;
	free(line);
	while (take_line(&data, &size, &line, &line_size)) {
		char *exact = malloc(line_size ? line_size : 1);
		memcpy(exact, line, line_size);
		check_line(&m, &s, (struct bytes){ exact, line_size });
		free(exact);
		free(line);
	}
	free(line);
	return 0;
}
