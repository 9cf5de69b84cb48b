/*
 * gzip, both ways (RFC 1952), and deflate, one way: ISA-L igzip at level 1 where it is built in, else zlib at level 1.
 *
 * A compressor or an inflater is a large state (hundreds of KiB) that is made once and used for one body after
 * another, by one thread at a time; a body may be given up at any point by beginning the next. Inflating stops at a
 * ceiling, so no input can make it use more. A body is one or more members, each checked against its CRC and length,
 * and nothing else.
 */
#ifndef OXP_GZIP_H
#define OXP_GZIP_H

#include "base/bytes.h"

struct gzip;
struct gunzip;

struct gzip *gzip_new(void) MUST_CHECK; /* NULL: out of memory */
void gzip_free(struct gzip *);
/* One body: begin, feed as often as needed, end. The buffer is appended to and belongs to the compressor until the end.
 * 0, -ENOSPC beyond the buffer's ceiling, -ENOMEM or -EIO; after a failure the body is lost, begin again. */
int gzip_begin(struct gzip *, struct buffer *to) MUST_CHECK;
int gzip_feed(struct gzip *, const char *data, size_t size) MUST_CHECK;
int gzip_end(struct gzip *) MUST_CHECK;

struct gunzip *gunzip_new(void) MUST_CHECK;
void gunzip_free(struct gunzip *);
/* One body in pieces: begin, feed, end. At most `ceiling` bytes are appended. 0, -EFBIG beyond the ceiling, -EBADMSG if
 * it is not gzip, is cut short or is followed by something else, -ENOSPC or -ENOMEM from the buffer. After a failure
 * begin again; what was appended up to there stays. */
int gunzip_begin(struct gunzip *, struct buffer *to, size_t ceiling) MUST_CHECK;
int gunzip_feed(struct gunzip *, const char *data, size_t size) MUST_CHECK;
int gunzip_end(struct gunzip *) MUST_CHECK;
/* A whole body into `room` bytes, at once. 0, -EFBIG if it does not fit, or -EBADMSG. */
int gunzip_into(struct gunzip *, struct bytes packed, char *to, size_t room, size_t *ret_size) MUST_CHECK;
/* The same for `deflate` as HTTP knows it: one body with the head of zlib (RFC 1950), checked against its sum, or a
 * bare one (RFC 1951), as some clients send it (RFC 9110, 8.4.1.2). */
int undeflate_into(struct gunzip *, struct bytes packed, char *to, size_t room, size_t *ret_size) MUST_CHECK;
/* How many bytes such a body inflates to, at most `most`, without keeping any. 0 or -EBADMSG. */
int gunzip_measure(struct gunzip *, struct bytes packed, size_t most, size_t *ret_size) MUST_CHECK;
int undeflate_measure(struct gunzip *, struct bytes packed, size_t most, size_t *ret_size) MUST_CHECK;
/* What the last trailer says: the body's size modulo 2^32 (ISIZE), if it has one member. It has at least 18 bytes. */
size_t gzip_inflated_size(struct bytes packed);

#endif
