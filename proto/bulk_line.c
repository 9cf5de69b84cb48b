#include "proto/bulk_line.h"

static const char first[] = "{\"@timestamp\":\"", word[] = "@timestamp\"", name[] = "@timestamp";
enum { FIRST_SIZE = sizeof first - 1, NAME_SIZE = sizeof name - 1, ESCAPE_SIZE = 6 };

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next character of a name; \u00XX is the only escape that can stand for one of ours. */
static int next_character(struct bytes *text)
{
	size_t size = 1;
	int c = (unsigned char)*text->data;

	if (c == '\\' && text->size >= ESCAPE_SIZE && memcmp(text->data, "\\u00", 4) == 0) {
		c = hex_digit(text->data[4]) * 16 + hex_digit(text->data[5]);
		size = ESCAPE_SIZE;
	}
	*text = (struct bytes){ text->data + size, text->size - size };
	return c;
}

static bool is_timestamp(const char *line, const struct json_member *m)
{
	struct bytes left = { line + m->name, m->name_size };

	for (size_t i = 0; i < NAME_SIZE; i++)
		if (left.size == 0 || next_character(&left) != name[i])
			return false;
	return left.size == 0;
}

static bool find_member(const struct json_scan *scan, struct bytes line, struct bytes *value)
{
	struct json_line index;

	if (json_line_index(scan, line.data, line.size, &index) != JSON_FINE)
		return false;
	for (size_t i = 0; i < index.count; i++) {
		const struct json_member *m = &index.members[i];
		if (!is_timestamp(line.data, m))
			continue;
		if (m->kind == MEMBER_STRING)
			*value = (struct bytes){ line.data + m->value + 1, m->value_size - 2 };
		return true;
	}
	return index.more;
}

/* The name stands there as it is, or there is an escape in it. */
static bool may_have(struct bytes line)
{
	return memmem(line.data, line.size, word, sizeof word - 1) ||
	       (memchr(line.data, '\\', line.size) && memmem(line.data, line.size, "\\u00", 4));
}

bool bulk_line_timestamp(const struct json_scan *scan, struct bytes line, struct bytes *value)
{
	const char *quote;

	*value = (struct bytes){ "", 0 };
	if (line.size > FIRST_SIZE && memcmp(line.data, first, FIRST_SIZE) == 0) {
		quote = memchr(line.data + FIRST_SIZE, '"', line.size - FIRST_SIZE);
		if (quote)
			*value = (struct bytes){ line.data + FIRST_SIZE, (size_t)(quote - line.data) - FIRST_SIZE };
		return true;
	}
	return may_have(line) && find_member(scan, line, value);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_space(struct bytes line, size_t at)
{
	while (at < line.size && is_space(line.data[at]))
		at++;
	return at;
}

size_t bulk_line_opening(struct bytes line, bool *empty)
{
	size_t brace = skip_space(line, 0), next = skip_space(line, brace + 1);

	*empty = next >= line.size || line.data[next] == '}';
	return brace < line.size ? brace + 1 : line.size;
}
