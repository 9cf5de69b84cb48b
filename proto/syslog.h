/*
 * A syslog message: RFC 5424, and what is sent as RFC 3164, which only wrote down what was seen.
 *
 * RFC 3164 says neither year nor offset: the year is the one that makes the moment nearest to now, the offset that of
 * this machine. It may leave out the time, the host and the tag, and many do: the message is what is left then. A tag
 * ends in a colon; without a time before it, only NAME[PID]: is one, as "error: no disk" is none. What begins with no
 * priority is no syslog message.
 *
 * As an object it has the names that the Elastic Common Schema has below log.syslog, below `syslog`: an app's text that
 * is called `log` would be refused for ours in the same index. A message that is a JSON object itself, also behind the
 * cookie @cee:, becomes that object, with the members of the head that it does not have.
 */
#ifndef OXP_SYSLOG_H
#define OXP_SYSLOG_H

#include "proto/json_line.h"

struct syslog_now {
	int64_t seconds; /* since 1970 */
	int32_t offset; /* of local time from UTC, in seconds */
};

/* Texts are within the message; of size 0 when they are not said. */
struct syslog {
	unsigned priority; /* 0 to 191: facility * 8 + severity */
	bool has_time;
	int64_t seconds;
	uint32_t nanos;
	struct bytes host, app, procid, msgid;
	struct bytes structured; /* with its brackets (RFC 5424, 6.3) */
	struct bytes message;
};

/* *ret is untouched when it is none. */
bool syslog_read(struct bytes, const struct syslog_now *, struct syslog *ret);
/* Appends the object. JSON_LINE_PADDING readable bytes stand behind the message. 0, -ENOSPC or -ENOMEM. */
int syslog_write(const struct syslog *, const struct json_scan *, struct buffer *to) MUST_CHECK;

#endif
