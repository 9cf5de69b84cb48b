/*
 * Bodies that come packed: gzip, deflate or zstd, as Content-Encoding and grpc-encoding name them. They are undone as a
 * whole into memory that the caller has taken, so no input can make it use more.
 */
#ifndef OXP_PACKED_H
#define OXP_PACKED_H

#include "base/bytes.h"

enum packing { PACKED_NOT, PACKED_GZIP, PACKED_DEFLATE, PACKED_ZSTD };

#define PACKINGS "gzip, deflate, zstd" /* their names */

/* What undoes them, for one body after another, by one thread at a time. */
struct unpacker;

struct unpacker *unpacker_new(void) MUST_CHECK; /* NULL: out of memory */
void unpacker_free(struct unpacker *);

/* The packing that a Content-Encoding names, in any case; also x-gzip. `identity` and empty elements of the list are
 * passed over (RFC 9110, 5.6.1.2); with nothing else it is PACKED_NOT. False: another word, or more than one packing.
 */
bool packing_find(const char *list, enum packing *ret) MUST_CHECK;
/* Why such a body is refused if it cannot be read, in words for people. */
const char *packing_fault(enum packing);
/* How much room to begin with: what the body says of its size, if that can be, or a guess. */
size_t packed_guess(enum packing, struct bytes packed);
/* Fills `to`, which is empty and has all the room there is. 0, -EFBIG if that is not enough, or -EBADMSG if it is not
 * of that kind, is cut short or is followed by something else. */
int packed_undo(struct unpacker *, enum packing, struct bytes packed, struct buffer *to) MUST_CHECK;
/* How much room to try next if *room was not enough; at most `most`, which is more than that. 0 or -EBADMSG. */
int packed_guess_again(struct unpacker *, enum packing, struct bytes packed, size_t most, size_t *room) MUST_CHECK;

#endif
