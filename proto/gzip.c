#include "proto/gzip.h"

#include <errno.h>
#include <stdlib.h>
#ifdef OXP_IGZIP
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif

enum { STEP = 64 << 10, PIECE_MAX = 1 << 30, SMALLEST_GZIP = 18 };

size_t gzip_inflated_size(struct bytes packed)
{
	const unsigned char *p = (const unsigned char *)packed.data + packed.size - 4;

	OXP_ASSERT(packed.size >= SMALLEST_GZIP);
	return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

/*
 * The two engines have the same interface. piece_begin() takes what is to be compressed; squeeze() compresses what fits
 * and answers 1 when nothing is left to do, at the end with the trailer out. member_begin() makes ready for a member;
 * member_inflate() does what input and room allow: 1 at the member's end, 0 when it needs more of either, -EBADMSG.
 */

#ifdef OXP_IGZIP

struct gzip {
	struct isal_zstream stream;
	struct buffer *to;
	unsigned char level[ISAL_DEF_LVL1_DEFAULT];
};

struct gunzip {
	struct inflate_state state;
	struct buffer *to;
	size_t left;
	bool in_member, begun;
};

struct gzip *gzip_new(void)
{
	return calloc(1, sizeof(struct gzip));
}

void gzip_free(struct gzip *z)
{
	free(z);
}

int gzip_begin(struct gzip *z, struct buffer *to)
{
	isal_deflate_init(&z->stream);
	z->stream.gzip_flag = IGZIP_GZIP;
	z->stream.level = 1;
	z->stream.level_buf = z->level;
	z->stream.level_buf_size = sizeof z->level;
	z->to = to;
	return 0;
}

static void piece_begin(struct gzip *z, struct bytes piece, bool end)
{
	z->stream.next_in = (uint8_t *)piece.data;
	z->stream.avail_in = (uint32_t)piece.size;
	z->stream.end_of_stream = end;
}

static int squeeze(struct gzip *z, char *to, size_t room, size_t *ret_got)
{
	z->stream.next_out = (uint8_t *)to;
	z->stream.avail_out = (uint32_t)room;
	if (isal_deflate(&z->stream) != COMP_OK)
		return -EIO;
	*ret_got = room - z->stream.avail_out;
	return z->stream.avail_in == 0 && (!z->stream.end_of_stream || z->stream.internal_state.state == ZSTATE_END);
}

struct gunzip *gunzip_new(void)
{
	return calloc(1, sizeof(struct gunzip));
}

void gunzip_free(struct gunzip *z)
{
	free(z);
}

static int member_begin(struct gunzip *z)
{
	isal_inflate_init(&z->state);
	z->state.crc_flag = ISAL_GZIP;
	return 0;
}

static int member_inflate(struct gunzip *z, struct bytes *in, char *to, size_t room)
{
	struct inflate_state *s = &z->state;

	s->next_in = (uint8_t *)in->data;
	s->avail_in = (uint32_t)(in->size < PIECE_MAX ? in->size : PIECE_MAX);
	s->next_out = (uint8_t *)to;
	s->avail_out = (uint32_t)room;
	if (isal_inflate(s) < 0)
		return -EBADMSG;
	in->size -= (size_t)((char *)s->next_in - in->data);
	in->data = (char *)s->next_in;
	return s->block_state == ISAL_BLOCK_FINISH;
}

static size_t room_left(const struct gunzip *z)
{
	return z->state.avail_out;
}

#else

enum { WINDOW_BITS = 15, GZIP_FORMAT = 16, MEMORY_LEVEL = 8 };

struct gzip {
	z_stream stream;
	struct buffer *to;
	int flush;
};

struct gunzip {
	z_stream stream;
	struct buffer *to;
	size_t left;
	bool in_member, begun;
};

struct gzip *gzip_new(void)
{
	struct gzip *z = calloc(1, sizeof *z);

	if (z && deflateInit2(&z->stream, 1, Z_DEFLATED, WINDOW_BITS + GZIP_FORMAT, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) ==
			 Z_OK)
		return z;
	free(z);
	return NULL;
}

void gzip_free(struct gzip *z)
{
	if (z)
		deflateEnd(&z->stream);
	free(z);
}

int gzip_begin(struct gzip *z, struct buffer *to)
{
	z->to = to;
	return deflateReset(&z->stream) == Z_OK ? 0 : -EIO;
}

static void piece_begin(struct gzip *z, struct bytes piece, bool end)
{
	z->stream.next_in = (Bytef *)piece.data;
	z->stream.avail_in = (uInt)piece.size;
	z->flush = end ? Z_FINISH : Z_NO_FLUSH;
}

static int squeeze(struct gzip *z, char *to, size_t room, size_t *ret_got)
{
	int answer;

	z->stream.next_out = (Bytef *)to;
	z->stream.avail_out = (uInt)room;
	answer = deflate(&z->stream, z->flush);
	if (answer != Z_OK && answer != Z_STREAM_END && answer != Z_BUF_ERROR)
		return -EIO;
	*ret_got = room - z->stream.avail_out;
	return z->stream.avail_in == 0 && (z->flush == Z_NO_FLUSH || answer == Z_STREAM_END);
}

struct gunzip *gunzip_new(void)
{
	struct gunzip *z = calloc(1, sizeof *z);

	if (z && inflateInit2(&z->stream, WINDOW_BITS + GZIP_FORMAT) == Z_OK)
		return z;
	free(z);
	return NULL;
}

void gunzip_free(struct gunzip *z)
{
	if (z)
		inflateEnd(&z->stream);
	free(z);
}

static int member_begin(struct gunzip *z)
{
	return inflateReset(&z->stream) == Z_OK ? 0 : -EBADMSG;
}

static int member_inflate(struct gunzip *z, struct bytes *in, char *to, size_t room)
{
	int answer;

	z->stream.next_in = (Bytef *)in->data;
	z->stream.avail_in = (uInt)(in->size < PIECE_MAX ? in->size : PIECE_MAX);
	z->stream.next_out = (Bytef *)to;
	z->stream.avail_out = (uInt)room;
	answer = inflate(&z->stream, Z_NO_FLUSH);
	if (answer != Z_OK && answer != Z_STREAM_END && answer != Z_BUF_ERROR)
		return -EBADMSG;
	in->size -= (size_t)((char *)z->stream.next_in - in->data);
	in->data = (char *)z->stream.next_in;
	return answer == Z_STREAM_END;
}

static size_t room_left(const struct gunzip *z)
{
	return z->stream.avail_out;
}

#endif

static int deflate_piece(struct gzip *z, struct bytes piece, bool end)
{
	int done;

	piece_begin(z, piece, end);
	do {
		size_t left = z->to->ceiling - z->to->size, room = left < STEP ? left : STEP, got = 0;
		char *to = room > 0 ? buffer_reserve(z->to, room) : NULL;
		if (!to)
			return room > 0 ? -ENOMEM : -ENOSPC;
		done = squeeze(z, to, room, &got);
		z->to->size += got;
	} while (done == 0);
	return done < 0 ? done : 0;
}

int gzip_feed(struct gzip *z, const char *data, size_t size)
{
	int failed = 0;

	while (size > 0 && !failed) {
		size_t n = size < PIECE_MAX ? size : PIECE_MAX;
		failed = deflate_piece(z, (struct bytes){ data, n }, false);
		data += n;
		size -= n;
	}
	return failed;
}

int gzip_end(struct gzip *z)
{
	return deflate_piece(z, (struct bytes){ "", 0 }, true);
}

int gunzip_begin(struct gunzip *z, struct buffer *to, size_t ceiling)
{
	z->to = to;
	z->left = ceiling;
	z->in_member = z->begun = false;
	return 0;
}

/* At the ceiling a member may still end, but not give another byte. */
static int inflate_at_ceiling(struct gunzip *z, struct bytes *in)
{
	char surplus;
	int ended = member_inflate(z, in, &surplus, sizeof surplus);

	return ended >= 0 && room_left(z) == 0 ? -EFBIG : ended;
}

/* As much as there is memory for, at least one step. *ret_full: there may be more to come without more input. */
static int inflate_step(struct gunzip *z, struct bytes *in, bool *ret_full)
{
	size_t room = z->to->room - z->to->size;
	char *to;
	int ended;

	*ret_full = false;
	if (z->left == 0)
		return inflate_at_ceiling(z, in);
	room = room < STEP ? STEP : room < PIECE_MAX ? room : PIECE_MAX;
	room = room < z->left ? room : z->left;
	to = buffer_reserve(z->to, room);
	if (!to)
		return room > z->to->ceiling - z->to->size ? -ENOSPC : -ENOMEM;
	ended = member_inflate(z, in, to, room);
	if (ended < 0)
		return ended;
	*ret_full = room_left(z) == 0;
	z->to->size += room - room_left(z);
	z->left -= room - room_left(z);
	return ended;
}

int gunzip_feed(struct gunzip *z, const char *data, size_t size)
{
	struct bytes in = { data, size };
	bool full = false;

	while (in.size > 0 || full) {
		size_t before = in.size;
		int ended;
		if (!z->in_member && member_begin(z))
			return -EBADMSG;
		z->in_member = z->begun = true;
		ended = inflate_step(z, &in, &full);
		if (ended < 0)
			return ended;
		z->in_member = !ended;
		full = full && !ended;
		if (!ended && !full && before > 0 && in.size == before)
			return -EBADMSG;
	}
	return 0;
}

int gunzip_end(struct gunzip *z)
{
	return z->begun && !z->in_member ? 0 : -EBADMSG;
}

int gunzip_into(struct gunzip *z, struct bytes packed, char *to, size_t room, size_t *ret_size)
{
	char none;
	struct buffer fixed = { .data = room ? to : &none, .room = room, .ceiling = room };
	int failed = gunzip_begin(z, &fixed, room);

	if (!failed)
		failed = gunzip_feed(z, packed.data, packed.size);
	if (!failed)
		failed = gunzip_end(z);
	if (!failed)
		*ret_size = fixed.size;
	return failed;
}
