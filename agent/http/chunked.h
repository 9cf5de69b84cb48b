/*
 * The chunked coding (RFC 9112, 7.1), decoded as it comes: data in pieces that point into the input, extensions and
 * trailers skipped within a ceiling. Lines end with CR LF and nothing else. Pure; nothing is copied.
 */
#ifndef OXP_HTTP_CHUNKED_H
#define OXP_HTTP_CHUNKED_H

#include "base/bytes.h"

enum { HTTP_CHUNK_LINE_MAX = 4 << 10 /* a size with its extensions; all trailers together */ };

enum http_chunked_state {
	CHUNK_SIZE, /* in the digits of a size */
	CHUNK_SPACE, /* white space behind them (RFC 9112, 7.1.1) */
	CHUNK_EXTENSION,
	CHUNK_SIZE_END, /* behind the CR of that line */
	CHUNK_DATA,
	CHUNK_DATA_END, /* the CR behind the data */
	CHUNK_DATA_LF,
	CHUNK_TRAILER, /* at the start of a line after the last chunk */
	CHUNK_TRAILER_LINE, /* further in it */
	CHUNK_TRAILER_LF, /* behind the CR of a trailer */
	CHUNK_LAST_LF, /* behind the CR of the empty line */
};

/* Zeroed is a fresh one. */
struct http_chunked {
	enum http_chunked_state state;
	uint64_t left; /* of the chunk */
	size_t line; /* bytes of this line, or of the trailers */
	unsigned digits;
};

enum http_chunked_verdict {
	CHUNKED_MORE, /* the input is used up */
	CHUNKED_PIECE, /* *ret_piece is data, and there may be more */
	CHUNKED_END, /* what is left of the input is behind the body */
	CHUNKED_BAD,
};

/* Takes what it uses from the front of `in`. Not to be called again after CHUNKED_END or CHUNKED_BAD. */
enum http_chunked_verdict http_chunked_next(
	struct http_chunked *, struct bytes *in, struct bytes *ret_piece) MUST_CHECK;

#endif
