#include "proto/gzip.h"

#include <errno.h>
#include <stdlib.h>
#ifdef OXP_IGZIP
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif

enum { STEP = 64 << 10, PIECE_MAX = 1 << 30, SMALLEST_GZIP = 18, ZLIB_METHOD = 8, ZLIB_METHOD_MASK = 15 };

/* What a body is. */
enum format { FORMAT_GZIP, FORMAT_ZLIB, FORMAT_BARE };

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
	enum format format;
	bool in_member, begun, measures; /* measures: the buffer is filled again and again */
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
	static const uint32_t formats[] = {
		[FORMAT_GZIP] = ISAL_GZIP, [FORMAT_ZLIB] = ISAL_ZLIB, [FORMAT_BARE] = ISAL_DEFLATE
	};

	isal_inflate_init(&z->state);
	z->state.crc_flag = formats[z->format];
	return 0;
}

static int member_inflate(struct gunzip *z, struct bytes *in, char *to, size_t room)
{
	struct inflate_state *s = &z->state;
	int answer;

	s->next_in = (uint8_t *)in->data;
	s->avail_in = (uint32_t)(in->size < PIECE_MAX ? in->size : PIECE_MAX);
	s->next_out = (uint8_t *)to;
	s->avail_out = (uint32_t)room;
	answer = isal_inflate(s);
	if (answer < 0 || answer == ISAL_NEED_DICT)
		return -EBADMSG;
	if (z->format != FORMAT_GZIP && s->block_state == ISAL_BLOCK_FINISH)
		s->next_in -= s->read_in_length / 8; /* it reads up to 8 bytes ahead, which only gzip's trailer has */
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
	enum format format;
	bool in_member, begun, measures; /* measures: the buffer is filled again and again */
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
	static const int formats[] = {
		[FORMAT_GZIP] = WINDOW_BITS + GZIP_FORMAT, [FORMAT_ZLIB] = WINDOW_BITS, [FORMAT_BARE] = -WINDOW_BITS
	};

	return inflateReset2(&z->stream, formats[z->format]) == Z_OK ? 0 : -EBADMSG;
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

static void begin(struct gunzip *z, enum format format, struct buffer *to, size_t ceiling)
{
	z->to = to;
	z->left = ceiling;
	z->format = format;
	z->in_member = z->begun = z->measures = false;
}

int gunzip_begin(struct gunzip *z, struct buffer *to, size_t ceiling)
{
	begin(z, FORMAT_GZIP, to, ceiling);
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
	size_t room;
	char *to;
	int ended;

	if (z->measures)
		buffer_clear(z->to);
	room = z->to->room - z->to->size;
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

/* Only gzip has more than one. */
static int next_member(struct gunzip *z)
{
	return z->begun && z->format != FORMAT_GZIP ? -EBADMSG : member_begin(z);
}

int gunzip_feed(struct gunzip *z, const char *data, size_t size)
{
	struct bytes in = { data, size };
	bool full = false;

	while (in.size > 0 || full) {
		size_t before = in.size;
		int ended;
		if (!z->in_member && next_member(z))
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

/* A bare body begins with another byte: in a first block that is stored, the bits behind its kind are zero. */
static enum format format_of(struct bytes packed)
{
	bool zlib = packed.size > 0 && ((unsigned char)*packed.data & ZLIB_METHOD_MASK) == ZLIB_METHOD;

	return zlib ? FORMAT_ZLIB : FORMAT_BARE;
}

static int finish(struct gunzip *z, struct bytes packed)
{
	int failed = gunzip_feed(z, packed.data, packed.size);

	if (failed)
		return failed;
	return gunzip_end(z);
}

static int into(struct gunzip *z, enum format format, struct bytes packed, struct buffer *to, size_t *ret_size)
{
	int failed;

	begin(z, format, to, to->ceiling);
	failed = finish(z, packed);
	if (!failed)
		*ret_size = to->size;
	return failed;
}

/* The caller's memory; `none` is there for no room. */
static struct buffer fixed(char *to, size_t room, char *none)
{
	return (struct buffer){ .data = room ? to : none, .room = room, .ceiling = room };
}

int gunzip_into(struct gunzip *z, struct bytes packed, char *to, size_t room, size_t *ret_size)
{
	char none;
	struct buffer out = fixed(to, room, &none);

	return into(z, FORMAT_GZIP, packed, &out, ret_size);
}

int undeflate_into(struct gunzip *z, struct bytes packed, char *to, size_t room, size_t *ret_size)
{
	char none;
	struct buffer out = fixed(to, room, &none);

	return into(z, format_of(packed), packed, &out, ret_size);
}

static int measure(struct gunzip *z, enum format format, struct bytes packed, size_t most, size_t *ret_size)
{
	char room[STEP];
	struct buffer again = { .data = room, .room = sizeof room, .ceiling = sizeof room };
	int failed;

	begin(z, format, &again, most);
	z->measures = true;
	failed = finish(z, packed);
	if (failed && failed != -EFBIG)
		return failed;
	*ret_size = failed ? most : most - z->left;
	return 0;
}

int gunzip_measure(struct gunzip *z, struct bytes packed, size_t most, size_t *ret_size)
{
	return measure(z, FORMAT_GZIP, packed, most, ret_size);
}

int undeflate_measure(struct gunzip *z, struct bytes packed, size_t most, size_t *ret_size)
{
	return measure(z, format_of(packed), packed, most, ret_size);
}
