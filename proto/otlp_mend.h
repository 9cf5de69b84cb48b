/*
 * Mending an OTLP trace request that otlp_traces_check() refused, so that one bad span does not cost the others.
 *
 *	a string that is not UTF-8                      each bad byte becomes U+FFFD
 *	an array or map below OTLP_LEVELS_MAX others    becomes an empty value, as in an SDK that has this limit
 *	a link with an id of a wrong size               is left out
 *	a span with no valid id, or with a parent id    is refused: left out and reported
 *	of a wrong size
 *	scope spans, resource spans                     are left out if all of their spans are refused
 *
 * A wrong frame cannot be mended: the bytes behind it may be anything.
 *
 * There are two calls, since the memory is the caller's: otlp_mend_plan() says what would be done and how much room
 * that takes, otlp_mend_write() does it. Each walks the request once, without allocation or recursion. Everything that
 * needs no mending is copied as it is; the lengths of the messages around a change are written again.
 */
#ifndef OXP_OTLP_MEND_H
#define OXP_OTLP_MEND_H

#include "proto/otlp_walk.h"

enum { OTLP_MEND_MAX = 256 << 20 }; /* bytes of a request; a longer one is the caller's mistake */

struct otlp_mend {
	uint64_t spans; /* taken */
	uint64_t refused, refused_bytes;
	uint64_t texts, values, links; /* in spans that are taken: mended, emptied, left out */
	/* Of the first refused span: what is wrong, its number in the request from 1 on, its message in the body. */
	enum otlp_fault fault;
	uint64_t number;
	struct bytes span;
	size_t size; /* of the mended request */
	size_t room; /* what otlp_mend_write() needs, at least `size` */
};

/* OTLP_OK; or what is wrong with the frame, at *ret_at as in otlp_traces_check(), and *ret is undefined. */
enum otlp_fault otlp_mend_plan(struct bytes body, struct otlp_mend *ret, size_t *ret_at);
/* Writes the mended request, `size` bytes of the `room` at `to`; the bytes behind it are undefined. The result
 * passes otlp_traces_check(). */
void otlp_mend_write(struct bytes body, const struct otlp_mend *plan, char *to);
/* What was done, for the sender of the request: one line of valid UTF-8, cut to `room`; "" if nothing was. */
enum { OTLP_MEND_TEXT = 256 }; /* a `room` of at least this cuts no name */
void otlp_mend_tell(const struct otlp_mend *plan, char *to, size_t room);

#endif
