/*
 * A syslog message: RFC 5424, and what is sent as RFC 3164, which only describes what was in use.
 *
 * RFC 3164 has neither year nor offset: the year is the one that makes the moment nearest to now, the offset that of
 * this machine. Many senders leave out the time, the host or the tag; the message is what is left. A tag ends in a
 * colon. If there is no time before it only NAME[PID]: is a tag, because "error: no disk" has none. Text that does not
 * begin with a priority is not a syslog message.
 *
 * As an object it has the names that the Elastic Common Schema has below log.syslog, below `syslog`: an app's text with
 * the name `log` would be refused for ours in the same index, or the other way round. A message that is a JSON object
 * itself, also behind the cookie @cee:, becomes that object, plus the members of the head that it lacks.
 */
#ifndef OXP_SYSLOG_H
#define OXP_SYSLOG_H

#include "proto/json_line.h"

struct syslog_now {
	int64_t seconds; /* since 1970 */
	int32_t offset; /* of local time from UTC, in seconds */
};

/* Texts point into the message; those it lacks have size 0. */
struct syslog {
	unsigned priority; /* 0 to 191: facility * 8 + severity */
	bool has_time;
	int64_t seconds;
	uint32_t nanos;
	struct bytes host, app, procid, msgid;
	struct bytes structured; /* with its brackets (RFC 5424, 6.3) */
	struct bytes message;
};

/* False if it is not a syslog message, and *ret is untouched. */
bool syslog_read(struct bytes, const struct syslog_now *, struct syslog *ret);
/* Appends the object. JSON_LINE_PADDING readable bytes stand behind the message. 0, -ENOSPC or -ENOMEM. */
int syslog_write(const struct syslog *, const struct json_scan *, struct buffer *to) MUST_CHECK;

#endif
