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

#include "proto/json_edit.h"
#include "proto/rfc3339.h"

/* From the weakest to the strongest. MAYBE: what apps call a time of theirs, too; it counts where no logger's own name
 * tells. DOCUMENT: @timestamp itself, which a backend goes by. */
enum log_time_name { LOG_TIME_NONE, LOG_TIME_MAYBE, LOG_TIME_OWN, LOG_TIME_DOCUMENT };

/* Whether a member of that name, as it stands between its quotes, tells when. */
enum log_time_name log_time_of_name(struct bytes name);
/* What a member's value says; `strict` is for texts only. False: no moment, or a number outside of the years 1973 to
 * 9999. */
bool log_time_read(const struct json_scan *, struct bytes value, struct rfc3339 *ret);

/*
 * The one reader of a line's time. Whoever asks goes by it: the index of a day, @timestamp that is added, the steps,
 * what is shown. Members are given in their order; the first of the strongest name that tells counts.
 *
 * A member @timestamp is never added beside one that is there. One that is null or "" is `blank`: it says nothing, and
 * whoever would add the time gives it that value. Any other is the app's, and stays, also when it cannot be read.
 */
struct log_time {
	enum log_time_name kind; /* of the member that tells; NONE: none does */
	int at; /* its number */
	int named; /* the number of @timestamp, or -1 */
	bool blank; /* which says nothing */
	struct rfc3339 when;
};

void log_time_init(struct log_time *);
void log_time_member(struct log_time *, const struct json_scan *, int number, struct bytes name, struct bytes value);
/* All indexed members of a line. */
void log_time_look(struct log_time *, const struct json_scan *, const char *line, const struct json_line *);
/* The same of a line as edited. */
void log_time_look_edited(struct log_time *, const struct json_edit *);
/* Drops an @timestamp that says nothing. False: there is one that stays. */
bool log_time_make_way(struct json_edit *);
/* Whether a value of @timestamp says nothing. */
bool log_time_blank(struct bytes value);
/* The number of the member that tells, or -1. */
int log_time_of_line(const struct json_scan *, const char *line, const struct json_line *, struct rfc3339 *ret);

#endif
