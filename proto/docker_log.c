#include "proto/docker_log.h"

#include <errno.h>

#include "proto/json_walk.h"
#include "proto/rfc3339.h"

/* Where the known members are in a line; -1: missing. */
struct indexes {
	int log, stream, time;
};

static struct bytes name_of(struct bytes line, const struct json_line *index, size_t i)
{
	return (struct bytes){ line.data + index->members[i].name, index->members[i].name_size };
}

static struct bytes text_of(struct bytes line, const struct json_line *index, int i)
{
	if (i < 0)
		return (struct bytes){ NULL, 0 };
	return json_inner((struct bytes){ line.data + index->members[i].value, index->members[i].value_size });
}

static bool is_moment(struct bytes time)
{
	struct rfc3339 moment;

	return time.size > 0 && rfc3339_read(time, &moment) && moment.strict && moment.zoned;
}

/* The last valid string of each name. If there are two, the first is treated as a member that is not known. */
static struct indexes indexes_in(struct bytes line, const struct json_line *index)
{
	struct indexes p = { -1, -1, -1 };

	for (int i = 0; i < (int)index->count; i++) {
		struct bytes name = name_of(line, index, (size_t)i), text;
		if (index->members[i].kind != MEMBER_STRING)
			continue;
		text = text_of(line, index, i);
		if (bytes_are(name, "log"))
			p.log = i;
		else if (bytes_are(name, "stream") && log_stream_of(text))
			p.stream = i;
		else if (bytes_are(name, "time") && is_moment(text))
			p.time = i;
	}
	return p;
}

/* Whether a name is one of those that the rewritten line has. */
static bool is_taken(struct bytes name)
{
	static const char *const names[] = { "message", "@timestamp" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (json_name_is(name, bytes_of(names[i]), false))
			return true;
	return json_name_begins(name, bytes_of("oxpecker"));
}

/* Copies a member as it is. */
static int copy_member(struct bytes line, const struct json_member *m, struct buffer *extra)
{
	const char *from = line.data + m->name - 1, *to = line.data + m->value + m->value_size;
	int failed = extra->size > 0 ? buffer_text(extra, ",") : 0;

	if (failed)
		return failed;
	return buffer_append(extra, from, (size_t)(to - from));
}

/* Each name once: an object that has one twice is refused. */
static bool stands_before(struct bytes line, const struct json_line *index, size_t end, struct bytes name)
{
	for (size_t i = 0; i < end; i++)
		if (bytes_equal(name_of(line, index, i), name))
			return true;
	return false;
}

static int copy_unknown(struct bytes line, const struct json_line *index, const struct indexes *p, struct buffer *extra)
{
	int failed = 0;

	buffer_clear(extra);
	for (size_t i = 0; i < index->count && !failed; i++) {
		struct bytes name = name_of(line, index, i);
		if ((int)i == p->log || (int)i == p->stream || (int)i == p->time)
			continue;
		if (is_taken(name) || stands_before(line, index, i, name))
			return -EINVAL;
		if (bytes_are(name, "log") || (bytes_are(name, "stream") && p->stream >= 0))
			return -EINVAL;
		failed = copy_member(line, &index->members[i], extra);
	}
	return failed;
}

static bool take_end(struct bytes *text)
{
	if (text->size == 0 || text->data[text->size - 1] != '\n')
		return false;
	text->size--;
	return true;
}

int docker_log_read(struct bytes line, const struct json_line *index, struct buffer *text, struct buffer *extra,
	struct container_line *ret)
{
	struct indexes p = indexes_in(line, index);
	int failed;

	if (p.log < 0 || index->more)
		return -EINVAL;
	failed = copy_unknown(line, index, &p, extra);
	buffer_clear(text);
	if (!failed)
		failed = json_decode(text_of(line, index, p.log), text);
	if (failed)
		return failed;
	*ret = (struct container_line){ .text = text->size ? buffer_bytes(text) : bytes_of(""),
		.time = text_of(line, index, p.time),
		.extra = buffer_bytes(extra),
		.stream = log_stream_of(text_of(line, index, p.stream)) };
	ret->partial = !take_end(&ret->text);
	return 0;
}

bool docker_log_is(struct bytes line, const struct json_line *index)
{
	static const char *const with[] = { "log", "stream", "attrs", "time" };
	static const char *const without[] = { "log", "stream", "time" };
	const char *const *names = index->count == COUNT_OF(with) ? with : without;
	struct indexes p = indexes_in(line, index);

	if (index->more || (index->count != COUNT_OF(with) && index->count != COUNT_OF(without)))
		return false;
	for (size_t i = 0; i < index->count; i++)
		if (!bytes_are(name_of(line, index, i), names[i]))
			return false;
	return p.log == 0 && p.stream == 1 && p.time == (int)index->count - 1 &&
	       (names == without || index->members[2].kind == MEMBER_OBJECT);
}
