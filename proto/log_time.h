/*
 * When a log line was written, in the names and layouts of the libraries that write them.
 *
 * Names in any case: @timestamp, time, timestamp, ts and their kin; `instant` of log4j2's own layout is an object of
 * epochSecond and nanoOfSecond. Values: RFC 3339 and its variants (winston, slog, structlog, log4j2; Python's logging
 * with a space and a comma), and numbers since 1970, whose size tells their unit: seconds with a fraction (zap),
 * milliseconds (pino), microseconds, nanoseconds. A text without an offset from UTC is left to the caller.
 */
#ifndef OXP_LOG_TIME_H
#define OXP_LOG_TIME_H

#include "proto/json_walk.h"
#include "proto/rfc3339.h"

/* MAYBE: a name that apps also use for times of their own; it counts if the line has no name that only loggers use. */
enum log_time_name { LOG_TIME_NONE, LOG_TIME_MAYBE, LOG_TIME_OWN };

/* Whether a member of that name (between its quotes) is a time. */
enum log_time_name log_time_of_name(struct bytes name);
/* The moment that a member's value names; `strict` is for texts only. False if it is not a moment, or a number outside
 * the years 1973 to 9999. */
bool log_time_read(const struct json_scan *, struct bytes value, struct rfc3339 *ret);
/* The first member of an indexed line that is a time, one with a name of loggers first. Its number, or -1. */
int log_time_of_line(const struct json_scan *, const char *line, const struct json_line *, struct rfc3339 *ret);

#endif
