/*
 * `where` of a step of log lines: what a line has to be like. All of it has to be true.
 *
 *	level       trace, debug, info, warn, error, fatal, or unknown if the line has none
 *	X           the member X of the first level; members.level if it is called level
 *
 * Each is held against a pattern (proto/pattern.h), as `where` of a step of spans (span_where.h). An object or an array
 * is no value that could fit. Members beyond the 128th count as missing. A text of more than 64 KiB is compared as it
 * stands in the line, with its escapes.
 */
#ifndef OXP_LOG_WHERE_H
#define OXP_LOG_WHERE_H

#include "config/option.h"
#include "pipeline/step.h"
#include "proto/pattern.h"

enum { LOG_WHERE_MAX = 32 };
#define LOG_WHERE_HELP "What a line has to be like, all of it: level, or the name of a member; " PATTERN_HELP

struct log_where_term {
	bool level;
	struct bytes key;
	struct pattern pattern;
};

struct log_where {
	size_t count;
	struct log_where_term terms[LOG_WHERE_MAX];
	struct buffer text; /* of a string with escapes */
};

/* Of zeroed memory. False, and why, if it cannot be read. */
bool log_where_read(struct log_where *, const struct option_map *, char *why, size_t room);
void log_where_done(struct log_where *);
bool log_where_fits(struct log_where *, const struct json_edit *);

#endif
