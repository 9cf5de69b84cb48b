/*
 * A line of Docker's json-file driver:
 *
 *	{"log":"The content\n","stream":"stdout","time":"2016-10-06T00:17:09.669794202Z"}
 *
 * (moby, daemon/logger/jsonfilelog/jsonlog). What ends without \n has been split, at 16 KiB. Further members, as
 * `attrs`, are passed over. An object without a string `log` is no such line, whatever else is in it; a `time` that is
 * none is left out.
 */
#ifndef OXP_DOCKER_LOG_H
#define OXP_DOCKER_LOG_H

#include "proto/container_line.h"
#include "proto/json_line.h"

/* Of a line that json_line_index() takes, and its index. The text is decoded into `text`, which is cleared before; 0,
 * -EINVAL when it is no such line, -ENOSPC or -ENOMEM; *ret is untouched then. */
int docker_log_read(
	struct bytes line, const struct json_line *, struct buffer *text, struct container_line *ret) MUST_CHECK;

#endif
