#include "http/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/base.h"

enum { ZLIB_METHOD = 8, ZLIB_METHOD_MASK = 15, GZIP = 16 };

/* Invariant: `stream` is zlib's from the first byte on (`begun`); `ended` between members, and behind the last. */
struct unpack {
	z_stream stream;
	bool deflate, begun, ended;
};

struct unpack *unpack_new(bool deflate)
{
	struct unpack *u = oxp_new(sizeof *u);

	u->deflate = deflate;
	return u;
}

void unpack_free(struct unpack *u)
{
	if (u && u->begun)
		inflateEnd(&u->stream);
	free(u);
}

/* A bare deflate begins with another byte: in a first block that is stored, the bits behind its kind are zero. */
static int window_of(const struct unpack *u, char first)
{
	if (!u->deflate)
		return MAX_WBITS + GZIP;
	return ((unsigned char)first & ZLIB_METHOD_MASK) == ZLIB_METHOD ? MAX_WBITS : -MAX_WBITS;
}

/* The first byte of a body, or of a further member. */
static int begin(struct unpack *u, char first)
{
	if (u->ended && u->deflate)
		return -EBADMSG;
	if (u->ended)
		OXP_ASSERT(inflateReset(&u->stream) == Z_OK);
	else if (inflateInit2(&u->stream, window_of(u, first)) != Z_OK)
		return -ENOMEM;
	u->begun = true;
	u->ended = false;
	return 0;
}

int unpack_next(struct unpack *u, struct bytes *in, char *to, size_t room, size_t *ret_size)
{
	int failed = in->size > 0 && (!u->begun || u->ended) ? begin(u, *in->data) : 0;
	int said;

	*ret_size = 0;
	if (failed || !u->begun || u->ended)
		return failed;
	u->stream.next_in = (Bytef *)in->data;
	u->stream.avail_in = (uInt)in->size;
	u->stream.next_out = (Bytef *)to;
	u->stream.avail_out = (uInt)room;
	said = inflate(&u->stream, Z_NO_FLUSH);
	*in = (struct bytes){ in->data + (in->size - u->stream.avail_in), u->stream.avail_in };
	*ret_size = room - u->stream.avail_out;
	u->ended = said == Z_STREAM_END;
	if (said == Z_MEM_ERROR)
		return -ENOMEM;
	return said == Z_OK || said == Z_STREAM_END || said == Z_BUF_ERROR ? 0 : -EBADMSG;
}

bool unpack_is_whole(const struct unpack *u)
{
	return !u->begun || u->ended;
}
