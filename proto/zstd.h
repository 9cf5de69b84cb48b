/*
 * Undoes zstd (RFC 8878). A body is one or more frames, skippable ones among them, each checked against its sum if it
 * has one, and nothing else. It is undone as a whole, so what was written before is the window: however large a window
 * a peer names, it takes no memory. Frames that need a dictionary, and the formats before RFC 8878, are refused.
 */
#ifndef OXP_ZSTD_H
#define OXP_ZSTD_H

#include "base/bytes.h"

/* State for one body after another, by one thread at a time. */
struct unzstd;

struct unzstd *unzstd_new(void) MUST_CHECK; /* NULL: out of memory */
void unzstd_free(struct unzstd *);
/* 0, -EFBIG if it does not fit into `room` bytes, or -EBADMSG. */
int unzstd_into(struct unzstd *, struct bytes packed, char *to, size_t room, size_t *ret_size) MUST_CHECK;
/* What the first frame says of its size; 0: nothing, or it is none. Anyone can write it. */
uint64_t zstd_said_size(struct bytes packed);
/* The most bytes that such a body can have, by what its frames and blocks say, which takes no undoing. At most `most`.
 * 0 or -EBADMSG. */
int zstd_bound(struct bytes packed, size_t most, size_t *ret_size) MUST_CHECK;

#endif
