/*
 * Undoes gzip (RFC 1952) or deflate (RFC 9110, 8.4.1.2: with the head of zlib, or bare) of an answer, piece by piece,
 * so that the caller decides how much is unpacked at a time, however much a few bytes stand for.
 */
#ifndef OXP_HTTP_UNPACK_H
#define OXP_HTTP_UNPACK_H

#include "base/bytes.h"

struct unpack;

struct unpack *unpack_new(bool deflate) MUST_CHECK; /* else gzip */
void unpack_free(struct unpack *);
/* Takes bytes off `in`, and writes at most `room` bytes. There is more unless all of `in` was taken and less than
 * `room` was written. 0, -EBADMSG for anything else than one such body (of gzip: one or more members), or -ENOMEM. */
int unpack_next(struct unpack *, struct bytes *in, char *to, size_t room, size_t *ret_size) MUST_CHECK;
/* Whether the body may end here: nothing has come of it, or it is whole. */
bool unpack_is_whole(const struct unpack *);

#endif
