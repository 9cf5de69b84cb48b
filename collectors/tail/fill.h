/*
 * Bytes of a file on their way into memory. A long line, with what is held before it, is two megabytes of memory that
 * nobody has used yet: reading into it takes several milliseconds, so it is read a piece in a callback. What fits in a
 * chunk is read at once.
 */
#ifndef OXP_TAIL_FILL_H
#define OXP_TAIL_FILL_H

#include "component.h"

enum { TAIL_FILL_WHOLE = 257 << 10, TAIL_FILL_PIECE = 64 << 10 };

/* Only fill.c writes it. Zeroed memory: nothing is on its way. */
struct tail_fill {
	struct batch *batch; /* between two callbacks; its newest block has the bytes */
	char *data; /* NULL: nothing is on its way */
	uint64_t generation, from; /* of the first byte */
	size_t size, got;
};

/* `size` bytes are to come to `data`, which belong to that generation and stand at `from`. */
void tail_fill_begin(struct tail_fill *, char *data, size_t size, uint64_t generation, uint64_t from);
static inline bool tail_fill_is_of(const struct tail_fill *f, uint64_t generation, uint64_t from)
{
	return f->data && f->generation == generation && f->from == from;
}
/* Reads at most `most` bytes, or all if they are TAIL_FILL_WHOLE at most. 1: there are more; 0: that was all, `got` of
 * them, fewer than asked if the file ends there; or -errno. After 0 and -errno nothing is on its way. */
int tail_fill_read(struct tail_fill *, int fd, size_t most) MUST_CHECK;
/* Until the next callback the batch is kept here, which is taken then. */
void tail_fill_keep(struct tail_fill *, struct batch **);
struct batch *tail_fill_take(struct tail_fill *) MUST_CHECK;
/* What is on its way is not wanted: the batch is freed. */
void tail_fill_drop(struct tail_fill *);

#endif
