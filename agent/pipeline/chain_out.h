/*
 * What a pass of the steps makes: a batch, in whose newest block records are written one behind the other.
 *
 * Invariant: `used` bytes of the newest block, of `room`, are records; without `block` there is none to write to.
 */
#ifndef OXP_CHAIN_OUT_H
#define OXP_CHAIN_OUT_H

#include "pipeline/batch.h"

/* Only chain_out.c writes it. */
struct chain_out {
	const struct batch *in; /* what it is made of */
	struct batch *batch; /* NULL: nothing so far */
	char *block;
	size_t used, room;
};

/* Whether there is a batch now. */
bool chain_out_begin(struct chain_out *) MUST_CHECK;
/* Memory for a record of that size; `ahead`: bytes that may come with it and after it. NULL: no room. */
char *chain_out_room(struct chain_out *, size_t size, size_t ahead) MUST_CHECK;
/* Memory for a record whose size is not known yet: a block of its own, which grows, with what was written into it, as
 * more is asked for. `ahead`: how much more may come. NULL: no room. */
char *chain_out_grow(struct chain_out *, size_t size, size_t ahead, size_t *ret_room) MUST_CHECK;
/* So much of that memory is the record, which stays where it is from now on. */
const char *chain_out_close(struct chain_out *, size_t size);
/* There was no room for that much: -ENOMEM, or -EMSGSIZE if there is hardly ever any, since the batches themselves have
 * theirs all the time. */
int chain_out_no_room(const struct chain_out *, size_t wanted);
/* Gives back the unused end of the newest block. */
void chain_out_end_block(struct chain_out *);

#endif
