#include "proto/packed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gzip.h"
#include "proto/zstd.h"

enum {
	GZIP_MIN = 18, /* head and trailer */
	RATIO_MAX = 1032, /* of deflate: 258 bytes are two bits at least. Of zstd more than that is not believed */
	RATIO_GUESS = 4, /* telemetry is packed to less than that of it */
	GUESS_MIN = 64 << 10,
};

struct unpacker {
	struct gunzip *gunzip;
	struct unzstd *unzstd; /* NULL until the first body */
};

static const char *const words[] = {
	[PACKED_NOT] = "identity", [PACKED_GZIP] = "gzip", [PACKED_DEFLATE] = "deflate", [PACKED_ZSTD] = "zstd"
};

struct unpacker *unpacker_new(void)
{
	struct unpacker *u = calloc(1, sizeof *u);

	if (u)
		u->gunzip = gunzip_new();
	if (u && u->gunzip)
		return u;
	free(u);
	return NULL;
}

void unpacker_free(struct unpacker *u)
{
	if (u) {
		gunzip_free(u->gunzip);
		unzstd_free(u->unzstd);
	}
	free(u);
}

static bool find_word(struct bytes word, enum packing *ret)
{
	if (bytes_same_word(word, bytes_of("x-gzip")))
		word = bytes_of(words[PACKED_GZIP]);
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (bytes_same_word(word, bytes_of(words[i]))) {
			*ret = (enum packing)i;
			return true;
		}
	return word.size == 0;
}

bool packing_find(const char *list, enum packing *ret)
{
	enum packing found = PACKED_NOT;

	for (const char *end; *list; list = end + (*end == ',')) {
		enum packing one = PACKED_NOT;
		end = list + strcspn(list, ",");
		if (!find_word(bytes_trimmed((struct bytes){ list, (size_t)(end - list) }), &one) || (one && found))
			return false;
		found = one ? one : found;
	}
	*ret = found;
	return true;
}

const char *packing_fault(enum packing packing)
{
	static const char *const why[] = { [PACKED_GZIP] =
						   "the body is not gzip, is cut short, or has something behind it",
		[PACKED_DEFLATE] = "the body is not deflate, is cut short, or has something behind it",
		[PACKED_ZSTD] = "the body is not zstd, is cut short, needs a dictionary, or has something behind it" };

	OXP_ASSERT(packing != PACKED_NOT);
	return why[packing];
}

/* The last four bytes of gzip, and the head of zstd, say a size. Anyone can write it, and if the body is cut short the
 * last bytes are something else. */
size_t packed_guess(enum packing packing, struct bytes packed)
{
	uint64_t said = 0, guess = packed.size * RATIO_GUESS;

	if (packing == PACKED_GZIP)
		return packed.size < GZIP_MIN ? 0 : smaller(gzip_inflated_size(packed), packed.size * RATIO_MAX);
	if (packing == PACKED_ZSTD)
		said = zstd_said_size(packed);
	if (said > 0)
		return smaller(said, packed.size * RATIO_MAX);
	return guess < GUESS_MIN ? GUESS_MIN : guess;
}

int packed_undo(struct unpacker *u, enum packing packing, struct bytes packed, struct buffer *to)
{
	switch (packing) {
	case PACKED_GZIP:
		return gunzip_into(u->gunzip, packed, to->data, to->room, &to->size);
	case PACKED_DEFLATE:
		return undeflate_into(u->gunzip, packed, to->data, to->room, &to->size);
	case PACKED_ZSTD:
		if (!u->unzstd)
			u->unzstd = unzstd_new();
		OXP_ASSERT(u->unzstd && "out of memory");
		return unzstd_into(u->unzstd, packed, to->data, to->room, &to->size);
	case PACKED_NOT:
		break;
	}
	OXP_ASSERT(!"a body that is packed");
}

/* What zstd says is the most that may come, perhaps much more than that: it is come to by doubling. */
int packed_guess_again(struct unpacker *u, enum packing packing, struct bytes packed, size_t most, size_t *room)
{
	size_t size = 0;
	int failed = packing == PACKED_GZIP      ? gunzip_measure(u->gunzip, packed, most, &size)
		     : packing == PACKED_DEFLATE ? undeflate_measure(u->gunzip, packed, most, &size)
						 : zstd_bound(packed, most, &size);

	if (failed)
		return failed;
	if (packing == PACKED_ZSTD && *room > 0)
		size = smaller(size, 2 * *room);
	if (size <= *room)
		return -EBADMSG; /* it says less than it has */
	*room = size;
	return 0;
}
