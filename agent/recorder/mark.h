/*
 * Marks requests of spans that come out of the ring: each span gets an attribute that says why it was sent. A large
 * request comes in pieces, each with the resources and scopes of its spans, so that many small spans, to which the mark
 * adds more than they have, take no more memory than a few. Pure functions.
 */
#ifndef OXP_RECORDER_MARK_H
#define OXP_RECORDER_MARK_H

#include "base/bytes.h"

#define MARK_NAME "oxpecker.recorder.reason"

struct mark;

struct mark *mark_new(const char *reason) __attribute__((returns_nonnull));
void mark_free(struct mark *); /* NULL is fine */
enum { MARK_PIECE = 256 << 10 /* bytes of the spans in a piece, with their marks, and one more span */ };

/* Appends the piece of the request that begins with the span number *span, with the marks, and says how many spans it
 * has, perhaps none. Afterwards *span is the first that was not in it, or 0 if that was the last piece. The request
 * comes from a file, so it is checked first; RING_PADDING bytes behind it can be read. 0; -EBADMSG: it is not a request
 * of spans, or has none; -ENOMEM. After a failure *span is 0. */
int mark_append(struct mark *, struct bytes request, size_t *span, struct buffer *to, uint32_t *ret_spans) MUST_CHECK;

#endif
