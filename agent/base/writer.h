/*
 * Text that is written in many small steps, with one check at the end.
 *
 * The first append that fails is remembered; every later one does nothing. So a function that writes a page is a list
 * of calls, and whoever began it asks once, with writer_done().
 */
#ifndef OXP_WRITER_H
#define OXP_WRITER_H

#include "base/bytes.h"

struct writer {
	struct buffer *to; /* its ceiling, given at birth, is that of all that is written */
	size_t start; /* its size when the writer began */
	int failed; /* 0, or the first failure: -ENOSPC, -ENOMEM or what writer_fail() was told */
};

/* Appends to what is in `to`. Until writer_done() nobody else changes the buffer, except as writer_fail() says. */
void writer_init(struct writer *, struct buffer *to);
/* 0; or -errno of the first failure, and the buffer holds what it held at writer_init(). */
int writer_done(struct writer *) MUST_CHECK;

static inline void writer_bytes(struct writer *w, struct bytes b)
{
	if (!w->failed)
		w->failed = buffer_append(w->to, b.data, b.size);
}
static inline void writer_text(struct writer *w, const char *text)
{
	writer_bytes(w, bytes_of(text));
}
void writer_printf(struct writer *, const char *format, ...) PRINTF_LIKE(2, 3);
void writer_u64(struct writer *, uint64_t value);
/* A JSON string with its quotes, as json_string_append() writes it. */
void writer_quoted(struct writer *, struct bytes);
/* Something else was appended to `to`, and this is how that went: 0 or -errno. The first failure counts. */
void writer_fail(struct writer *, int failed);

#endif
