/*
 * gzip, both ways (RFC 1952): ISA-L igzip at level 1 where it is built in, else zlib at level 1.
 *
 * A compressor or an inflater is a large state that is made once and used for one body after another, by one thread at a
 * time. Inflating goes into memory of a given size, so that no input can make it grow.
 */
#ifndef OXP_GZIP_H
#define OXP_GZIP_H

#include "base/bytes.h"

struct gzip;
struct gunzip;

struct gzip *gzip_new(void) MUST_CHECK;	/* NULL: out of memory */
void gzip_free(struct gzip *);
/* One body: begin, feed as often as needed, end. The buffer is appended to. 0, -ENOSPC, -ENOMEM or -EIO. */
int gzip_begin(struct gzip *, struct buffer *to) MUST_CHECK;
int gzip_feed(struct gzip *, const char *data, size_t size) MUST_CHECK;
int gzip_end(struct gzip *) MUST_CHECK;

struct gunzip *gunzip_new(void) MUST_CHECK;
void gunzip_free(struct gunzip *);
/* Inflates a whole body, one member, into `room` bytes. 0, -EFBIG when it does not fit, -EBADMSG when it is no gzip, is cut
 * short or followed by something else. */
int gunzip_into(struct gunzip *, struct bytes packed, char *to, size_t room, size_t *ret_size) MUST_CHECK;
/* What the trailer says the body's size is (ISIZE, modulo 2^32); the body has at least 18 bytes. */
size_t gzip_inflated_size(struct bytes packed);

#endif
