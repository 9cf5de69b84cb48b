/*
 * Names of indices, and patterns with a date in them.
 *
 * A pattern is spelled as Logstash and Beats spell it: `logs-%{+yyyy.MM.dd}`, with yyyy, MM, dd and HH, and . - _
 * between them; the date is that of UTC. What a name may contain follows "Create index API", path parameters: lower
 * case, and no character that a path, a URL or a JSON string would read as something else, so a name can be put into
 * all three as it is.
 */
#ifndef OXP_INDEX_NAME_H
#define OXP_INDEX_NAME_H

#include "base/bytes.h"

enum { INDEX_NAME_MAX = 255 };

/* What is wrong with a name without a date, or with a pattern; NULL if it is fine. */
const char *index_name_wrong(const char *name);
const char *index_pattern_wrong(const char *pattern);
bool index_pattern_dated(const char *pattern);

/* These take a valid pattern, return the size, and end the text with a zero. */
size_t index_pattern_at(const char *pattern, int64_t unix_seconds, char to[INDEX_NAME_MAX + 1]);
/* A wildcard for all names that the pattern makes: a * in place of each part of the date. */
size_t index_pattern_any(const char *pattern, char to[INDEX_NAME_MAX + 1]);

#endif
