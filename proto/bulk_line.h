/*
 * What a bulk needs to know of a log line: its time, and whether its document has that in @timestamp.
 *
 * A data stream refuses a document without @timestamp, and any index refuses one that has it twice, so it is added only
 * if it is missing. Most loggers write it first, which takes one comparison to see. Any other line is indexed
 * (json_line.h) and read by proto/log_time.h.
 */
#ifndef OXP_BULK_LINE_H
#define OXP_BULK_LINE_H

#include "proto/log_time.h"

enum bulk_time {
	BULK_TIME_ABSENT, /* there is no top-level member @timestamp */
	BULK_TIME_BLANK, /* there is one without a value: null or "" */
	BULK_TIME_THERE, /* there is one, whatever its value */
};

struct bulk_line {
	enum bulk_time time;
	bool known; /* one of the line's members is its time */
	struct rfc3339 when;
	size_t blank, blank_size; /* where the value of a BLANK is */
};

/* Takes a line that json_line_index() accepts, with JSON_LINE_PADDING readable bytes behind it. */
void bulk_line_read(const struct json_scan *, struct bytes line, struct bulk_line *ret);
/* How many bytes there are up to and including the opening brace. *empty: the object has no members. */
size_t bulk_line_opening(struct bytes line, bool *empty);

#endif
