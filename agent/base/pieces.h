/*
 * Bytes that stand in several places, one piece behind the other, so that nobody has to copy them together first.
 *
 * Invariant: `size` is the sum of the pieces' sizes.
 */
#ifndef OXP_PIECES_H
#define OXP_PIECES_H

#include "base/bytes.h"

/* Owns the list, and what stands in the same memory behind it; other pieces are borrowed. All zeros: no bytes. */
struct pieces {
	struct bytes *list;
	size_t count, size;
};

/* How far they have been read. All zeros: not at all. */
struct pieces_place {
	size_t piece, at;
};

/* Room for that many pieces, and for `own` bytes that they may point to, which begin at *ret_own. 0 or -ENOMEM. */
int pieces_init(struct pieces *, size_t most, size_t own, char **ret_own) MUST_CHECK;
void pieces_done(struct pieces *); /* fine on zeroed memory */
/* One more. There is room for it. */
void pieces_add(struct pieces *, struct bytes piece);
/* Copies the next bytes, at most `room`, and returns how many; 0 at the end. */
size_t pieces_read(const struct pieces *, struct pieces_place *, char *to, size_t room) MUST_CHECK;
/* The next pieces, at most `room`, and returns how many; 0 at the end. The place stays. */
size_t pieces_look(const struct pieces *, const struct pieces_place *, struct bytes *to, size_t room) MUST_CHECK;
/* Moves the place on by that many bytes, which there are. */
void pieces_skip(const struct pieces *, struct pieces_place *, size_t size);

#endif
