/*
 * A line of Docker's json-file driver:
 *
 *	{"log":"The content\n","stream":"stdout","time":"2016-10-06T00:17:09.669794202Z"}
 *
 * (moby, daemon/logger/jsonfilelog/jsonlog). A `log` that does not end in \n was split, at 16 KiB. Further members,
 * such as `attrs` behind `stream`, stay as they are, and so does a `stream` or a `time` that is not one. An object
 * without a string `log` is not such a line, whatever else is in it, nor is one that has a member with a name of the
 * rewritten line: message, @timestamp, oxpecker.
 */
#ifndef OXP_DOCKER_LOG_H
#define OXP_DOCKER_LOG_H

#include "proto/container_line.h"
#include "proto/json_line.h"

/* Takes a line that json_line_index() accepts, with its index. Decodes the text into `text` and copies unknown members
 * into `extra`; both are cleared first. 0; or -EINVAL if it is not such a line, -ENOSPC or -ENOMEM, and *ret is
 * untouched. */
int docker_log_read(struct bytes line, const struct json_line *, struct buffer *text, struct buffer *extra,
	struct container_line *ret) MUST_CHECK;
/* Whether the line is exactly what Docker writes: log, stream, attrs if there are any, time, and nothing else. An app
 * may have members of these names, too. */
bool docker_log_is(struct bytes line, const struct json_line *);

#endif
