#include "proto/json_rename.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/json_line.h"

static bool is_called(const struct json_member *m, const char *line, const char *name)
{
	return !m->name_escaped && bytes_are((struct bytes){ line + m->name, m->name_size }, name);
}

static size_t count_called(const struct json_line *index, const char *line, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < index->count; i++)
		count += is_called(&index->members[i], line, name);
	return count;
}

/* What is before each name, the new name in its place, and what is behind the last. */
static int splice(
	const struct json_line *index, struct bytes line, const char *from, const char *to, struct buffer *ret)
{
	size_t at = 0, before = ret->size;
	int failed = 0;

	for (size_t i = 0; i < index->count && !failed; i++) {
		const struct json_member *m = &index->members[i];
		if (!is_called(m, line.data, from))
			continue;
		failed = buffer_append(ret, line.data + at, m->name - 1 - at);
		failed = failed ? failed : json_string_append(ret, to, strlen(to));
		at = m->name + m->name_size + 1;
	}
	failed = failed ? failed : buffer_append(ret, line.data + at, line.size - at);
	if (failed)
		ret->size = before;
	return failed ? failed : 1;
}

int json_rename(struct bytes line, const char *from, const char *to, struct buffer *ret)
{
	struct json_line *index = malloc(sizeof *index);
	char *padded = calloc(1, line.size + JSON_LINE_PADDING);
	int result = -ENOMEM;

	if (index && padded) {
		memcpy(padded, line.data, line.size);
		result = -EBADMSG;
		if (json_line_index(json_scan_best(), padded, line.size, index) == JSON_FINE)
			result = count_called(index, padded, from) == 0 ? 0
				 : count_called(index, padded, to) > 0
					 ? -EEXIST
					 : splice(index, (struct bytes){ padded, line.size }, from, to, ret);
	}
	free(index);
	free(padded);
	return result;
}
