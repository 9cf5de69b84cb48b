#include "proto/json_text.h"

#include "base/text.h"

static int append_escaped(struct buffer *b, unsigned char c)
{
	char form[JSON_ESCAPE_MAX];

	return buffer_append(b, form, json_escape(c, form));
}

int json_text_append(const struct json_scan *scan, struct buffer *to, const char *text, size_t size)
{
	const char *end = text + size;
	int failed;

	if (!utf8_valid(text, size))
		return json_string_append(to, text, size);
	failed = buffer_append(to, "\"", 1);
	while (!failed && text < end) {
		const char *stop = scan->stop(text, end);
		if (stop > end)
			stop = end; /* what stopped it is behind the text */
		failed = buffer_append(to, text, (size_t)(stop - text));
		if (!failed && stop < end)
			failed = append_escaped(to, (unsigned char)*stop++);
		text = stop;
	}
	if (failed)
		return failed;
	return buffer_append(to, "\"", 1);
}
