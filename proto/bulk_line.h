/*
 * What a bulk has to know of a log line: whether it says when it was, and what.
 *
 * A data stream refuses a document without @timestamp, and one that has it twice is refused too; so who adds it must
 * know. Loggers of the field write it first, which is one comparison; a line without the word is searched once; only a
 * line that has the word elsewhere is indexed (json_line.h).
 */
#ifndef OXP_BULK_LINE_H
#define OXP_BULK_LINE_H

#include "proto/json_line.h"

/* Whether the line, one that json_line_index() takes, has a member @timestamp on top. *value is its text without the
 * quotes, empty when it is no string or cannot be told. */
bool bulk_line_timestamp(const struct json_scan *, struct bytes line, struct bytes *value);
/* How many bytes come up to and with the opening brace; *empty: there is no member. */
size_t bulk_line_opening(struct bytes line, bool *empty);

#endif
