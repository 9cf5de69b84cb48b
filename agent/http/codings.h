/*
 * The codings that an answer's body is in, as Content-Encoding of its head names them (RFC 9110, 8.4).
 *
 * One coding is read, so that what a piece unpacks to is bounded by its size, and of those gzip and deflate: the
 * decoders of br and zstd may need a window of many MiB, which the peer chooses.
 */
#ifndef OXP_HTTP_CODINGS_H
#define OXP_HTTP_CODINGS_H

#include "base/bytes.h"

enum { CODING_SHOWN = 24, CODINGS_WHY_MAX = 120 };

struct codings {
	size_t count; /* one around the other */
	bool deflate; /* the last that is read is this, else gzip */
	char unknown[CODING_SHOWN + 1]; /* one of them that is not read; "": none */
	char why[CODINGS_WHY_MAX];
};

/* A field's value: words with commas between them. `identity` does not count as a coding. */
void codings_note(struct codings *, struct bytes list);
/* Why the body cannot be read, a sentence for people that lives in the struct; NULL: it can. */
const char *codings_why_not(struct codings *);

#endif
