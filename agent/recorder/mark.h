/*
 * Marks requests of spans that come out of the ring: each span gets an attribute that says why it was sent. Pure
 * functions.
 */
#ifndef OXP_RECORDER_MARK_H
#define OXP_RECORDER_MARK_H

#include "base/bytes.h"

#define MARK_NAME "oxpecker.recorder.reason"

struct mark;

struct mark *mark_new(const char *reason) __attribute__((returns_nonnull));
void mark_free(struct mark *); /* NULL is fine */
/* Appends the request with the marks, and says how many spans it has. The request comes from a file, so it is checked
 * first; RING_PADDING bytes behind it can be read. 0; -EBADMSG: it is not a request of spans, or has none; -ENOSPC,
 * -ENOMEM. */
int mark_append(struct mark *, struct bytes request, struct buffer *to, uint32_t *ret_spans) MUST_CHECK;

#endif
