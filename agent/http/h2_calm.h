/*
 * How much an HTTP/2 peer may ask for without sending anything. Frames that carry nothing are cheap to send and cost
 * their reader time: pings, settings, priorities, window updates, empty DATA, CONTINUATION, unknown types, and streams
 * that are opened and reset (RFC 9113, 10.5; CVE-2023-44487, CVE-2024-27316). Each takes tokens from one bucket, which
 * fills with time and with every request that gets its answer. A peer whose bucket is empty is told ENHANCE_YOUR_CALM.
 *
 * It sees all bytes of a connection before the library does, since that tells nothing of frames it ignores. Only their
 * heads are read (4.1), however the bytes are cut. Pure.
 */
#ifndef OXP_H2_CALM_H
#define OXP_H2_CALM_H

#include "base/bytes.h"
#include "base/clock.h"

enum {
	H2_CALM_MAX = 1000, /* tokens; a new connection has them all */
	H2_CALM_A_SECOND = 50,
	H2_CALM_ANSWERED = 8, /* what a request earns that is answered: more than its own frames take */
	H2_CALM_SMALL_DATA = 256, /* a DATA frame below this size that does not end its stream takes one */
	H2_CONTINUATIONS_MAX = 6, /* of one block: enough for twice HTTP_HEAD_MAX */
	H2_FRAME_HEAD = 9,
};

/* Invariant: `got` bytes of the next frame's head have come if `left`, the bytes to come of the frame before it, is 0.
 */
struct h2_calm {
	int tokens;
	struct mono_time filled;
	unsigned continuations;
	uint8_t type;
	size_t left, got;
	unsigned char head[H2_FRAME_HEAD];
};

/* The first `preface` bytes are no frame. */
void h2_calm_init(struct h2_calm *, struct mono_time now, size_t preface);
/* The next bytes that have come. NULL; or what the peer is told as it is cut off. */
const char *h2_calm_see(struct h2_calm *, struct mono_time now, struct bytes) MUST_CHECK;
/* How many bytes behind those that were seen belong to a DATA frame that has begun. */
size_t h2_calm_data_left(const struct h2_calm *);
void h2_calm_answered(struct h2_calm *);

#endif
