/*
 * A line of Docker's json-file driver:
 *
 *	{"log":"The content\n","stream":"stdout","time":"2016-10-06T00:17:09.669794202Z"}
 *
 * (moby, daemon/logger/jsonfilelog/jsonlog). What ends without \n has been split, at 16 KiB. Further members, as
 * `attrs` behind `stream`, are kept as they stand, and so is a `stream` or a `time` that is none. An object without a
 * string `log` is no such line, whatever else is in it, nor is one with a member that has a name of what the line
 * becomes: message, @timestamp, truncated, oxpecker.
 */
#ifndef OXP_DOCKER_LOG_H
#define OXP_DOCKER_LOG_H

#include "proto/container_line.h"
#include "proto/json_line.h"

/* Of a line that json_line_index() takes, and its index. The text is decoded into `text` and what is not known is
 * copied into `extra`, which are cleared before; 0, -EINVAL when it is no such line, -ENOSPC or -ENOMEM; *ret is
 * untouched then. */
int docker_log_read(struct bytes line, const struct json_line *, struct buffer *text, struct buffer *extra,
	struct container_line *ret) MUST_CHECK;
/* Whether it is what Docker writes to the letter: log, stream, attrs if there are any, time, and nothing else. An app
 * may have members of these names, too. */
bool docker_log_is(struct bytes line, const struct json_line *);

#endif
