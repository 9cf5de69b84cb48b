/*
 * Octet counting (RFC 6587, 3.4.1): `MSG-LEN SP SYSLOG-MSG`, where MSG-LEN begins with no zero and SYSLOG-MSG with <.
 *
 * What begins otherwise is not framed like that; so a stream of lines is told from one of frames by its first bytes.
 */
#ifndef OXP_SYSLOG_FRAME_H
#define OXP_SYSLOG_FRAME_H

#include "base/bytes.h"

enum syslog_framing {
	SYSLOG_FRAME_NONE, /* no frame, or one of more than `max` bytes */
	SYSLOG_FRAME_UNKNOWN, /* too little is there to say */
	SYSLOG_FRAME_PART, /* the rest of it is not there yet */
	SYSLOG_FRAME_WHOLE,
};

struct syslog_frame {
	size_t head; /* bytes of MSG-LEN and the space */
	size_t size;
};

/* *ret is filled in for PART and WHOLE. */
enum syslog_framing syslog_frame_read(struct bytes, size_t max, struct syslog_frame *ret);

#endif
