/*
 * A rotated file that was compressed, made readable: its text goes into a file without a name, in slices in a lane, and
 * from there it is read like any other file. So places in it are places in the text that was followed before, and its
 * beginning is the beginning of that file: whoever was followed under another name is known again.
 *
 * Bounded by TAIL_UNPACKED_MAX on disk, by a slice in memory. What is no gzip from some byte on, or is cut short, is
 * sound up to there.
 */
#ifndef OXP_TAIL_GZIP_H
#define OXP_TAIL_GZIP_H

#include "collectors/tail/scan.h"
#include "proto/gzip.h"

enum { TAIL_UNPACK_PIECE = 16 << 10, TAIL_UNPACK_SLICE = 1 << 20, TAIL_UNPACK_ROOM = 32 << 20 };
#define TAIL_UNPACKED_MAX (UINT64_C(4) << 30)

/* One file being unpacked. After each slice done() is called on the loop: it asks for the next or ends it. */
struct tail_unpack {
	struct job job; /* first: of tail_unpack_slice() */
	struct tail_identity identity;
	int packed, text; /* descriptors; -1: given away */
	uint64_t size; /* of the text so far */
	uint32_t whole; /* of all of it, modulo 2^32, as the last four bytes say */
	struct gunzip *gunzip;
	struct buffer piece; /* of text */
	int failed; /* 0, or -errno: -EBADMSG it is no gzip behind `size`, -EFBIG */
	bool ended; /* there is no more, or it failed */
	bool starved; /* it failed, and that is no fault of the file: its text could not be written */
	void *context; /* of whoever asked for it */
};

/* What a file is by its first bytes, whatever it is called. */
enum tail_packing {
	TAIL_TEXT,
	TAIL_GZIP,
	TAIL_PACKED, /* otherwise: bzip2, xz, zstd, lz4, zip, compress */
	TAIL_WIDE, /* text in UTF-16 or UTF-32, by its byte order mark */
};
enum { TAIL_MAGIC_MAX = 10 };

enum tail_packing tail_packing_of(struct bytes beginning);
/* Takes the descriptor; the text is kept in that folder. NULL: errno says why, and the descriptor is closed. */
struct tail_unpack *tail_unpack_new(int packed, const struct tail_identity *, const char *folder,
	void (*done)(struct job *), void *context);
void tail_unpack_free(struct tail_unpack *); /* NULL is fine */
/* Gives the descriptor of the text away. */
int tail_unpack_take_text(struct tail_unpack *) MUST_CHECK;
/* Of all that was unpacked: whether `whole` was wrong. It is right then. */
bool tail_unpack_learn_size(struct tail_unpack *);
/* The work of the job: the next slice. */
void tail_unpack_slice(struct job *);

#endif
