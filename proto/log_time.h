/*
 * When a log line was written, in the names and layouts of the libraries that write them.
 *
 * Names in any case: @timestamp, time, timestamp, ts and their kin; `instant` of log4j2's own layout is an object of
 * epochSecond and nanoOfSecond. Values: RFC 3339 and what loggers make of it (winston, slog, structlog, log4j2; with a
 * space and a comma python's logging), and numbers since 1970, whose size tells their unit: seconds with a fraction
 * (zap), milliseconds (pino), microseconds, nanoseconds. A text that says no offset from UTC is left to the reader.
 */
#ifndef OXP_LOG_TIME_H
#define OXP_LOG_TIME_H

#include "proto/json_walk.h"
#include "proto/rfc3339.h"

/* MAYBE: what apps call a time of theirs, too; it counts where no logger's own name tells. */
enum log_time_name { LOG_TIME_NONE, LOG_TIME_MAYBE, LOG_TIME_OWN };

/* Whether a member of that name, as it stands between its quotes, tells when. */
enum log_time_name log_time_of_name(struct bytes name);
/* What a member's value says; `strict` is for texts only. False: no moment, or a number outside of the years 1973 to
 * 9999. */
bool log_time_read(const struct json_scan *, struct bytes value, struct rfc3339 *ret);
/* The first member of an indexed line that tells, by a name of its own if there is one; its number, or -1. */
int log_time_of_line(const struct json_scan *, const char *line, const struct json_line *, struct rfc3339 *ret);

#endif
