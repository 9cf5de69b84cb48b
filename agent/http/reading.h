/*
 * How an answer of HTTP/1.1 is read from the bytes of a connection (RFC 9112): its head line by line, then its body,
 * however the bytes are cut. What it says goes to http/answer.h, where the ceilings are kept.
 *
 * Strict, since the peer may be anybody: lines end with CR LF; names, colons and values are what they should be; no
 * folded lines; one Transfer-Encoding. Answers of status 1xx are skipped, but 101, which nobody asks for. What could
 * have two ends for two readers ends the call (answer.c).
 */
#ifndef OXP_HTTP_READING_H
#define OXP_HTTP_READING_H

#include "http/answer.h"
#include "http/chunked.h"

enum { READING_TYPE_MAX = 256 /* of a Content-Type that is told */ };

enum reading_state {
	READING_STATUS, /* before the first line of a head */
	READING_FIELDS,
	READING_SIZED, /* in a body of which `left` bytes are to come */
	READING_CHUNKS,
	READING_REST, /* in a body that ends with the connection */
	READING_WHOLE,
};

struct reading {
	struct answer *answer;
	enum reading_state state;
	struct buffer line; /* the beginning of one; at most HTTP_ANSWER_HEAD_MAX */
	struct http_chunked chunked;
	uint64_t left;
	struct answer_head head; /* of the latest; content_type is `type` */
	char type[READING_TYPE_MAX];
	bool coded, chunks; /* there is a Transfer-Encoding, and it is of chunks */
	bool keeps; /* the peer does not close the connection, as far as is known */
};

void reading_init(struct reading *, struct answer *);
void reading_done(struct reading *); /* fine on zeroed memory */

enum reading_verdict {
	READING_MORE, /* the bytes are used up */
	READING_LATER, /* the turn is over: what is left is to be given again */
	READING_ENDED, /* the answer is whole; what is left of the bytes is not of it */
	READING_OVER, /* the answer was stopped: answer->end, or its user gave it up */
	READING_BAD, /* it is not HTTP */
};

/* Takes what it uses from the front of `in`. Not to be called after one of the last three. */
enum reading_verdict reading_take(struct reading *, struct bytes *in, struct wall_time now) MUST_CHECK;
/* A piece of the body, which goes to the answer: READING_MORE, LATER or OVER. */
enum reading_verdict reading_give(struct reading *, struct bytes piece) MUST_CHECK;
void reading_note_type(struct reading *, struct bytes value); /* a Content-Type */
/* The connection has ended. Whether that ends the answer, too. */
bool reading_ends_here(const struct reading *);

#endif
