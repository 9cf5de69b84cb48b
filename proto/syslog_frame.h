/*
 * Octet counting (RFC 6587, 3.4.1): `MSG-LEN SP SYSLOG-MSG`, where MSG-LEN begins with no zero and SYSLOG-MSG with its
 * priority, <0> to <191> (RFC 5424, 6.2.1).
 *
 * Anything that begins differently is not a frame. So the first bytes tell a stream of lines from a stream of frames,
 * even if a line begins with a number: `404 <html>`.
 */
#ifndef OXP_SYSLOG_FRAME_H
#define OXP_SYSLOG_FRAME_H

#include "base/bytes.h"

enum syslog_framing {
	SYSLOG_FRAME_NONE,
	SYSLOG_FRAME_UNKNOWN, /* too few bytes to say */
	SYSLOG_FRAME_PART, /* the rest of it has not come yet */
	SYSLOG_FRAME_WHOLE,
};

struct syslog_frame {
	size_t head; /* bytes of MSG-LEN and the space */
	size_t size; /* below a thousand million; no other check is made */
};

/* *ret is filled in for PART and WHOLE. */
enum syslog_framing syslog_frame_read(struct bytes, struct syslog_frame *ret);

#endif
