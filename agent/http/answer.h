/*
 * The answer to one call, as it comes: the lines of its head, then the pieces of its body, which are decoded and given
 * to the caller's piece(), or collected. Every ceiling of an answer is kept here. It has no handle of libcurl: what
 * that has read of the head is handed in.
 *
 * An answer is over once it is stopped here (`end` and `why` say so) or given up by the caller. Then no more of it is
 * wanted, and no callback is called.
 */
#ifndef OXP_HTTP_ANSWER_H
#define OXP_HTTP_ANSWER_H

#include "http/call.h"
#include "http/codings.h"
#include "http/turn.h"

enum {
	ANSWER_COLLECTED_MAX = 4 << 20, /* of bodies that are kept whole, all together; one alone has its answer_max */
	ANSWER_REFUSAL_MAX = 64 << 10, /* kept of a body that is not 2xx, for a call that takes pieces */
	ANSWER_GIVEN_AT_ONCE = 2 << 10, /* to a piece(); then the turn may be over */
	ANSWER_UNPACKED_AT_ONCE = ANSWER_GIVEN_AT_ONCE,
	/* A compressed body may unpack to this many bytes, and to this many times its size, within answer_max. */
	ANSWER_UNPACKED_FREE = 2 << 20,
	ANSWER_UNPACKED_TIMES = 256,
};

struct unpack;

/* What the answers of a client share. */
struct answers {
	const struct turn *turn; /* that pieces come in */
	size_t collected; /* the sum of their bodies */
	char unpacked[ANSWER_UNPACKED_AT_ONCE]; /* the piece that is being taken */
};

/* What the library has read from the head so far. */
struct answer_head {
	unsigned status; /* 0: none yet */
	const char *content_type; /* "" when absent */
	int64_t size; /* of the body, as the head announces it; -1: it does not */
};

struct answer {
	struct answers *all;
	const struct http_call_options *options; /* the call's */
	struct buffer body; /* what was collected */
	struct codings codings;
	struct unpack *unpack; /* NULL: the body comes as it is, or nothing of it has come */
	size_t head_size, size; /* so far; `size` after decoding */
	size_t came; /* of a coded body */
	size_t used; /* of the piece that was put off last */
	int64_t retry_after_ms; /* -1: none */
	int64_t length; /* of the body, as Content-Length has it; -1: there is none */
	unsigned status; /* once the head has come */
	bool head_told, over;
	bool in_chunks; /* there is a Transfer-Encoding */
	enum http_end end; /* why it was stopped; HTTP_END_ANSWER: it was not */
	const char *why;
};

void answer_init(struct answer *, struct answers *, const struct http_call_options *);
void answer_done(struct answer *); /* fine on zeroed memory */
/* The caller wants no more of it. */
void answer_give_up(struct answer *);

/* A line of the head, or one or more of those behind the body. False: the answer is over. */
bool answer_header(struct answer *, struct bytes lines, const struct answer_head *, struct wall_time now);

enum answer_take {
	ANSWER_TAKEN,
	ANSWER_LATER, /* the turn is over: the same piece is to be given again, from its start */
	ANSWER_OVER,
};

enum answer_take answer_piece(struct answer *, struct bytes piece);
/* Whether a compressed body has begun and is not whole. */
bool answer_is_cut_short(const struct answer *);

#endif
