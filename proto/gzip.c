#include "proto/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#ifdef OXP_IGZIP
#include <isa-l/igzip_lib.h>
#endif

enum { STEP = 64 << 10, SMALLEST_GZIP = 18, WINDOW_BITS = 15, GZIP_FORMAT = 16 };

size_t gzip_inflated_size(struct bytes packed)
{
	const unsigned char *p = (const unsigned char *)packed.data + packed.size - 4;

	OXP_ASSERT(packed.size >= SMALLEST_GZIP);
	return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

#ifdef OXP_IGZIP

struct gzip {
	struct isal_zstream stream;
	struct buffer *to;
	unsigned char level[ISAL_DEF_LVL1_DEFAULT];
};

struct gunzip { struct inflate_state state; };

struct gzip *gzip_new(void)
{
	return calloc(1, sizeof(struct gzip));
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

/* Until the input is used up, and at the end until the trailer is out. */
static int deflate_some(struct gzip *z, const char *data, size_t size, bool end)
{
	struct isal_zstream *s = &z->stream;

	s->next_in = (uint8_t *)data;
	s->avail_in = (uint32_t)size;
	s->end_of_stream = end;
	do {
		s->next_out = (uint8_t *)buffer_reserve(z->to, STEP);
		if (!s->next_out)
			return -ENOSPC;
		s->avail_out = STEP;
		if (isal_deflate(s) != COMP_OK)
			return -EIO;
		z->to->size += STEP - s->avail_out;
	} while (s->avail_in > 0 || (end && s->internal_state.state != ZSTATE_END));
	return 0;
}

int gzip_feed(struct gzip *z, const char *data, size_t size)
{
	return deflate_some(z, data, size, false);
}

int gzip_end(struct gzip *z)
{
	return deflate_some(z, "", 0, true);
}

void gzip_free(struct gzip *z)
{
	free(z);
}

struct gunzip *gunzip_new(void)
{
	return calloc(1, sizeof(struct gunzip));
}

void gunzip_free(struct gunzip *z)
{
	free(z);
}

int gunzip_into(struct gunzip *z, struct bytes packed, char *to, size_t room, size_t *ret_size)
{
	struct inflate_state *s = &z->state;
	int failed;

	isal_inflate_init(s);
	s->crc_flag = ISAL_GZIP;
	s->next_in = (uint8_t *)packed.data;
	s->avail_in = (uint32_t)packed.size;
	s->next_out = (uint8_t *)to;
	s->avail_out = (uint32_t)room;
	failed = isal_inflate(s);
	if (failed)
		return -EBADMSG;
	if (s->block_state != ISAL_BLOCK_FINISH)
		return s->avail_out == 0 && s->avail_in > 0 ? -EFBIG : -EBADMSG;
	if (s->avail_in > 0)
		return -EBADMSG;
	*ret_size = room - s->avail_out;
	return 0;
}

#else

struct gzip {
	z_stream stream;
	struct buffer *to;
};

struct gunzip { z_stream stream; };

struct gzip *gzip_new(void)
{
	struct gzip *z = calloc(1, sizeof *z);

	if (z && deflateInit2(&z->stream, 1, Z_DEFLATED, WINDOW_BITS + GZIP_FORMAT, 8, Z_DEFAULT_STRATEGY) == Z_OK)
		return z;
	free(z);
	return NULL;
}

int gzip_begin(struct gzip *z, struct buffer *to)
{
	z->to = to;
	return deflateReset(&z->stream) == Z_OK ? 0 : -EIO;
}

static int deflate_some(struct gzip *z, const char *data, size_t size, int flush)
{
	int answer;

	z->stream.next_in = (Bytef *)data;
	z->stream.avail_in = (uInt)size;
	do {
		z->stream.next_out = (Bytef *)buffer_reserve(z->to, STEP);
		if (!z->stream.next_out)
			return -ENOSPC;
		z->stream.avail_out = STEP;
		answer = deflate(&z->stream, flush);
		if (answer != Z_OK && answer != Z_STREAM_END && answer != Z_BUF_ERROR)
			return -EIO;
		z->to->size += STEP - z->stream.avail_out;
	} while (z->stream.avail_in > 0 || (flush == Z_FINISH && answer != Z_STREAM_END));
	return 0;
}

int gzip_feed(struct gzip *z, const char *data, size_t size)
{
	return deflate_some(z, data, size, Z_NO_FLUSH);
}

int gzip_end(struct gzip *z)
{
	return deflate_some(z, "", 0, Z_FINISH);
}

void gzip_free(struct gzip *z)
{
	if (z)
		deflateEnd(&z->stream);
	free(z);
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

int gunzip_into(struct gunzip *z, struct bytes packed, char *to, size_t room, size_t *ret_size)
{
	z_stream *s = &z->stream;
	char none;
	int answer;

	if (inflateReset(s) != Z_OK)
		return -EBADMSG;
	s->next_in = (Bytef *)packed.data;
	s->avail_in = (uInt)packed.size;
	s->next_out = (Bytef *)(room ? to : &none);
	s->avail_out = (uInt)room;
	answer = inflate(s, Z_FINISH);
	if (answer == Z_BUF_ERROR && s->avail_out == 0 && s->avail_in > 0)
		return -EFBIG;
	if (answer != Z_STREAM_END || s->avail_in > 0)
		return -EBADMSG;
	*ret_size = room - s->avail_out;
	return 0;
}

#endif
