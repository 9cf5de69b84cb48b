#include "proto/zstd.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { MAGIC_SIZE = 4, BLOCK_HEAD_SIZE = 3, BLOCK_RAW = 0, BLOCK_RLE = 1, BLOCK_MAX = 128 << 10 };

struct unzstd {
	ZSTD_DCtx *context;
};

struct unzstd *unzstd_new(void)
{
	struct unzstd *z = malloc(sizeof *z);

	if (z)
		z->context = ZSTD_createDCtx();
	if (z && z->context)
		return z;
	free(z);
	return NULL;
}

void unzstd_free(struct unzstd *z)
{
	if (z)
		ZSTD_freeDCtx(z->context);
	free(z);
}

/* (RFC 8878, 3.1.) The library would read formats that were before it, too. */
static bool is_frame(struct bytes packed)
{
	const unsigned char *p = (const unsigned char *)packed.data;
	uint32_t magic;

	if (packed.size < MAGIC_SIZE)
		return false;
	magic = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	return magic == ZSTD_MAGICNUMBER || (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

/* Takes the next frame off `packed`. 0 or -EBADMSG. */
static int next_frame(struct bytes *packed, struct bytes *ret_frame)
{
	size_t size = is_frame(*packed) ? ZSTD_findFrameCompressedSize(packed->data, packed->size) : 0;

	if (size == 0 || ZSTD_isError(size))
		return -EBADMSG;
	*ret_frame = (struct bytes){ packed->data, size };
	*packed = (struct bytes){ packed->data + size, packed->size - size };
	return 0;
}

int unzstd_into(struct unzstd *z, struct bytes packed, char *to, size_t room, size_t *ret_size)
{
	struct bytes frame;
	char none;
	size_t size = 0;

	do {
		size_t got;
		if (next_frame(&packed, &frame))
			return -EBADMSG;
		got = ZSTD_decompressDCtx(z->context, room ? to + size : &none, room - size, frame.data, frame.size);
		if (ZSTD_isError(got))
			return ZSTD_getErrorCode(got) == ZSTD_error_dstSize_tooSmall ? -EFBIG : -EBADMSG;
		size += got;
	} while (packed.size > 0);
	*ret_size = size;
	return 0;
}

uint64_t zstd_said_size(struct bytes packed)
{
	unsigned long long size = is_frame(packed) ? ZSTD_getFrameContentSize(packed.data, packed.size) : 0;

	return size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR ? 0 : size;
}

/* How many bytes stand before the first block (RFC 8878, 3.1.1.1). The frame was found whole. */
static size_t head_size(struct bytes frame)
{
	static const size_t dictionary[] = { 0, 1, 2, 4 }, content[] = { 0, 2, 4, 8 };
	unsigned char said = (unsigned char)frame.data[MAGIC_SIZE];
	bool single = said >> 5 & 1; /* no window, so a size of one byte at least */

	return MAGIC_SIZE + 1 + !single + dictionary[said & 3] + (said >> 6 || !single ? content[said >> 6] : 1);
}

/* (RFC 8878, 3.1.1.2.) */
static uint64_t blocks_bound(struct bytes frame)
{
	const unsigned char *p = (const unsigned char *)frame.data;
	uint64_t sum = 0;
	bool last = false;

	for (size_t at = head_size(frame); !last && at + BLOCK_HEAD_SIZE <= frame.size;) {
		uint32_t head = (uint32_t)p[at] | (uint32_t)p[at + 1] << 8 | (uint32_t)p[at + 2] << 16;
		unsigned kind = head >> 1 & 3;
		size_t size = head >> 3;
		last = head & 1;
		sum += kind == BLOCK_RAW || kind == BLOCK_RLE ? size : BLOCK_MAX;
		at += BLOCK_HEAD_SIZE + (kind == BLOCK_RLE ? 1 : size);
	}
	return sum;
}

int zstd_bound(struct bytes packed, size_t most, size_t *ret_size)
{
	struct bytes frame;
	uint64_t sum = 0;

	do {
		unsigned long long said;
		if (next_frame(&packed, &frame))
			return -EBADMSG;
		said = ZSTD_getFrameContentSize(frame.data, frame.size); /* 0 for one to be skipped */
		if (said == ZSTD_CONTENTSIZE_ERROR)
			return -EBADMSG;
		sum += smaller(said == ZSTD_CONTENTSIZE_UNKNOWN ? blocks_bound(frame) : said, most);
	} while (packed.size > 0 && sum < most);
	*ret_size = smaller(sum, most);
	return 0;
}
