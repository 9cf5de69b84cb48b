#include "proto/docker_log.h"

#include <errno.h>

#include "proto/json_walk.h"
#include "proto/rfc3339.h"

/* What stands between the quotes of that member; data is NULL where there is no such string. */
static struct bytes string_of(struct bytes line, const struct json_line *index, const char *name)
{
	for (size_t i = 0; i < index->count; i++) {
		const struct json_member *m = &index->members[i];
		if (m->kind == MEMBER_STRING && bytes_are((struct bytes){ line.data + m->name, m->name_size }, name))
			return json_inner((struct bytes){ line.data + m->value, m->value_size });
	}
	return (struct bytes){ NULL, 0 };
}

static struct bytes moment_or_nothing(struct bytes time)
{
	struct rfc3339 moment;

	if (time.size > 0 && rfc3339_read(time, &moment) && moment.strict && moment.zoned)
		return time;
	return (struct bytes){ NULL, 0 };
}

static bool take_end(struct bytes *text)
{
	if (text->size == 0 || text->data[text->size - 1] != '\n')
		return false;
	text->size--;
	return true;
}

int docker_log_read(struct bytes line, const struct json_line *index, struct buffer *text, struct container_line *ret)
{
	struct bytes log = string_of(line, index, "log"), stream = string_of(line, index, "stream");
	int failed;

	if (!log.data)
		return -EINVAL;
	buffer_clear(text);
	failed = json_decode(log, text);
	if (failed)
		return failed;
	*ret = (struct container_line){ .text = text->size ? buffer_bytes(text) : bytes_of(""),
		.time = moment_or_nothing(string_of(line, index, "time")),
		.stream = log_stream_of(stream) };
	ret->partial = !take_end(&ret->text);
	return 0;
}
