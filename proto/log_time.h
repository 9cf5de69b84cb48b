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

#include "proto/json_edit.h"
#include "proto/rfc3339.h"

/* From the weakest to the strongest. MAYBE: a name that apps also use for times of their own; it counts if the line has
 * no name that only loggers use. DOCUMENT: @timestamp itself, which a backend goes by. */
enum log_time_name { LOG_TIME_NONE, LOG_TIME_MAYBE, LOG_TIME_OWN, LOG_TIME_DOCUMENT };

/* Whether a member of that name (between its quotes) is a time. */
enum log_time_name log_time_of_name(struct bytes name);
/* The moment that a member's value names; `strict` is for texts only. False if it is not a moment, or a number outside
 * the years 1973 to 9999. */
bool log_time_read(const struct json_scan *, struct bytes value, struct rfc3339 *ret);

/*
 * The only reader of a line's time, used for the index of a day, for adding @timestamp, by the steps and by what is
 * shown. Members are given in their order; the first one with the strongest name counts.
 *
 * An @timestamp is never added beside one that is there. One that is null or "" is `blank`: it has no value, and is
 * given the time. Any other belongs to the app and stays, even if it cannot be read.
 */
struct log_time {
	enum log_time_name kind; /* of the member that counts; NONE: there is none */
	int at; /* its number */
	int named; /* the number of @timestamp, or -1 */
	bool blank; /* @timestamp has no value */
	struct rfc3339 when;
};

/* All indexed members of a line. */
void log_time_look(struct log_time *, const struct json_scan *, const char *line, const struct json_line *);
/* The same for an edited line. */
void log_time_look_edited(struct log_time *, const struct json_edit *);
/* Drops an @timestamp without a value. False: there is one that stays. */
bool log_time_make_way(struct json_edit *);
/* Whether a value of @timestamp is blank. */
bool log_time_blank(struct bytes value);
/* The number of the member that counts, or -1. */
int log_time_of_line(const struct json_scan *, const char *line, const struct json_line *, struct rfc3339 *ret);

#endif
