/*
 * What a bulk has to know of a log line: when it was, and whether its document says so in @timestamp.
 *
 * A data stream refuses a document without @timestamp, and one that has it twice is refused too; so who adds it must
 * know. Loggers of the field write it first, which is one comparison; any other line is indexed (json_line.h) and read
 * by proto/log_time.h.
 */
#ifndef OXP_BULK_LINE_H
#define OXP_BULK_LINE_H

#include "proto/log_time.h"

enum bulk_time {
	BULK_TIME_ABSENT, /* there is no member @timestamp on top */
	BULK_TIME_BLANK, /* there is one that says nothing: null or "" */
	BULK_TIME_THERE, /* there is one, whatever it says */
};

struct bulk_line {
	enum bulk_time time;
	bool known; /* the line says when it was, in any of its members */
	struct rfc3339 when;
	size_t blank, blank_size; /* where the value of a BLANK stands */
};

/* Of a line that json_line_index() takes, with JSON_LINE_PADDING readable bytes behind it. */
void bulk_line_read(const struct json_scan *, struct bytes line, struct bulk_line *ret);
/* How many bytes come up to and with the opening brace; *empty: there is no member. */
size_t bulk_line_opening(struct bytes line, bool *empty);

#endif
