#include "proto/bulk_line.h"

static const char first[] = "{\"@timestamp\":\"", name[] = "@timestamp";
enum { FIRST_SIZE = sizeof first - 1 };

/* As most lines that have it write it. */
static bool read_first(struct bytes line, struct rfc3339 *ret)
{
	const char *from = line.data + FIRST_SIZE, *quote;

	if (line.size <= FIRST_SIZE || memcmp(line.data, first, FIRST_SIZE) != 0)
		return false;
	quote = memchr(from, '"', line.size - FIRST_SIZE);
	return quote && rfc3339_read((struct bytes){ from, (size_t)(quote - from) }, ret);
}

static void note_value(struct bytes line, struct bytes value, struct bulk_line *ret)
{
	ret->time = log_time_blank(value) ? BULK_TIME_BLANK : BULK_TIME_THERE;
	ret->blank = (size_t)(value.data - line.data);
	ret->blank_size = value.size;
}

/* Behind the members that are indexed. */
static void read_rest(const struct json_scan *scan, struct bytes line, struct bulk_line *ret)
{
	struct bytes value;

	if (!json_find(scan, line, bytes_of(name), &value))
		return;
	note_value(line, value, ret);
	ret->known = log_time_read(scan, value, &ret->when) || ret->known;
}

void bulk_line_read(const struct json_scan *scan, struct bytes line, struct bulk_line *ret)
{
	struct json_line index;
	struct log_time t;

	*ret = (struct bulk_line){ .time = BULK_TIME_THERE };
	ret->known = read_first(line, &ret->when);
	if (ret->known || json_line_index(scan, line.data, line.size, &index) != JSON_FINE)
		return;
	log_time_look(&t, scan, line.data, &index);
	ret->time = BULK_TIME_ABSENT;
	ret->known = t.at >= 0;
	ret->when = t.when;
	if (t.named >= 0) {
		const struct json_member *m = &index.members[t.named];
		note_value(line, (struct bytes){ line.data + m->value, m->value_size }, ret);
	} else if (index.more) {
		read_rest(scan, line, ret);
	}
}

static size_t skip_space(struct bytes line, size_t at)
{
	while (at < line.size && json_is_space(line.data[at]))
		at++;
	return at;
}

size_t bulk_line_opening(struct bytes line, bool *empty)
{
	size_t brace = skip_space(line, 0), next = skip_space(line, brace + 1);

	*empty = next >= line.size || line.data[next] == '}';
	return brace < line.size ? brace + 1 : line.size;
}
