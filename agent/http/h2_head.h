/*
 * The head of an HTTP/2 request, which comes as pairs, in the form of head.h: so routes, origins and handlers know one
 * form. The library has judged each pair (RFC 9113, 8.2, 8.3): names in lower case, no line ends, one of each
 * pseudo-header field. `:authority` is what Host is in HTTP/1.1; if both come they must be the same.
 *
 * The same ceilings as in HTTP/1.1: HTTP_HEAD_MAX bytes, counted as RFC 9113, 6.5.2 does, and HTTP_FIELDS_MAX fields.
 * What comes beyond them is dropped, and the head is refused at its end. Pure.
 */
#ifndef OXP_H2_HEAD_H
#define OXP_H2_HEAD_H

#include "http/head.h"

/* Invariant: the spans of `head` are of `text`, which ends with a zero. */
struct h2_head {
	struct http_head head;
	struct buffer text;
	size_t listed;
	unsigned wrong; /* 0, 400 or 431 */
};

enum { H2_FIELD_EXTRA = 32 /* bytes that each field counts for, beside its name and value */ };

void h2_head_init(struct h2_head *);
void h2_head_done(struct h2_head *); /* fine on zeroed memory */
void h2_head_add(struct h2_head *, struct bytes name, struct bytes value);
/* All pairs have come; `ends` if no body follows. 0, or the status to refuse with: 400, 431. Before
 * http_head_strings(). */
unsigned h2_head_end(struct h2_head *, bool ends);

#endif
