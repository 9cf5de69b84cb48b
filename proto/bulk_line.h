/*
 * What a bulk needs to know of a log line: whether it has a timestamp, and which.
 *
 * A data stream refuses a document without @timestamp, and any index refuses one that has it twice, so it is added only
 * if it is missing. Most loggers write it first, which takes one comparison to see. A line without the word is searched
 * once; only a line that has the word elsewhere is indexed (json_line.h).
 */
#ifndef OXP_BULK_LINE_H
#define OXP_BULK_LINE_H

#include "proto/json_line.h"

/* Whether the line, which json_line_index() accepts, has a top-level member @timestamp. *value is its text without the
 * quotes; empty if it is not a string or cannot be found cheaply. */
bool bulk_line_timestamp(const struct json_scan *, struct bytes line, struct bytes *value);
/* How many bytes there are up to and including the opening brace. *empty: the object has no members. */
size_t bulk_line_opening(struct bytes line, bool *empty);

#endif
