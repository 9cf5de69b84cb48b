/*
 * A rotated file that was compressed, made readable: a lane unpacks it, slice by slice, into a file without a name, and
 * from there it is read like any other file. Its offsets are those of the text that was followed before, and it begins
 * as that file began, so a file that was followed under another name is recognized.
 *
 * Bounded by TAIL_UNPACKED_MAX and by half of what is free on disk, and by one slice in memory. If the gzip is damaged
 * or cut short, the text before that is good.
 */
#ifndef OXP_TAIL_GZIP_H
#define OXP_TAIL_GZIP_H

#include "collectors/tail/identity.h"
#include "component.h"
#include "loop/lane.h"
#include "proto/gzip.h"

enum { TAIL_UNPACK_PIECE = 16 << 10, TAIL_UNPACK_SLICE = 1 << 20, TAIL_UNPACK_ROOM = 32 << 20 };
#define TAIL_UNPACKED_MAX (UINT64_C(4) << 30)
#define TAIL_UNPACKED_IN_MEMORY (UINT64_C(4) << 20) /* on a tmpfs */

/* One file being unpacked. After each slice done() is called on the loop: it asks for the next or ends it. */
struct tail_unpack {
	struct job job; /* first: it unpacks the next slice */
	struct tail_identity identity;
	int packed, text; /* descriptors; -1: given away */
	uint64_t size; /* of the text so far */
	uint64_t room; /* there is for it */
	uint32_t whole; /* the size of the text modulo 2^32, as the last four bytes say */
	struct gunzip *gunzip;
	struct buffer piece; /* of text */
	int failed; /* 0, or -errno: -EBADMSG: it is not gzip behind `size`; -EFBIG */
	bool ended; /* there is no more, or it failed */
	bool starved; /* it failed because its text could not be written, so the file is not to blame */
	void *context; /* of whoever asked for it */
};

/* What kind of file it is by its first bytes, whatever its name. */
enum tail_packing {
	TAIL_TEXT,
	TAIL_GZIP,
	TAIL_PACKED, /* otherwise: bzip2, xz, zstd, lz4, zip, compress */
	TAIL_WIDE, /* text in UTF-16 or UTF-32, by its byte order mark */
};
enum { TAIL_MAGIC_MAX = 10 };

enum tail_packing tail_packing_of(struct bytes beginning);
/* Takes the descriptor; the text is kept in that folder. NULL: errno says why, and the descriptor is closed. */
struct tail_unpack *tail_unpack_new(
	int packed, const struct tail_identity *, const char *folder, void (*done)(struct job *), void *context);
void tail_unpack_free(struct tail_unpack *); /* NULL is fine */
/* Returns the descriptor of the text, which the caller owns from then on, or -1. */
int tail_unpack_take_text(struct tail_unpack *) MUST_CHECK;
/* Once all was unpacked: whether `whole` was wrong. It is corrected. */
bool tail_unpack_learn_size(struct tail_unpack *);

#endif
