/*
 * The table of symbols of one request of remote write 2.0: which number a text has. The texts stand in the request.
 */
#ifndef OXP_REMOTE_WRITE_SYMBOLS_H
#define OXP_REMOTE_WRITE_SYMBOLS_H

#include "base/bytes.h"

struct symbol_place;

/* Invariant: `mask` + 1 places, a power of two; less than two thirds of them are taken. */
struct symbols {
	struct symbol_place *places;
	size_t mask, count;
};

/* 0, or -ENOSPC or -ENOMEM of `to`. Symbol 0 is the empty text. */
int symbols_begin(struct symbols *, struct buffer *to) MUST_CHECK;
void symbols_done(struct symbols *);
/* The number of a text, which is appended to the request if it is new. The same answers. */
int symbols_put(struct symbols *, struct bytes text, struct buffer *to, uint32_t *ret) MUST_CHECK;

#endif
