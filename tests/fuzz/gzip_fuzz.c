/*
 * gzip: what inflates at once inflates in pieces to the same bytes, zlib says the same of one member, and the bytes
 * go there and back.
 */
#include <stdint.h>
#include <stdlib.h>

#include <zlib.h>

#include "proto/gzip.h"

enum { ROOM = 1 << 16, PACKED_MAX = 4 << 20 };

static void need(int holds)
{
	if (!holds)
		abort();
}

static int in_pieces(struct gunzip *z, struct bytes packed, struct buffer *to)
{
	size_t piece = packed.size ? 1 + (unsigned char)packed.data[packed.size - 1] % 37 : 1;
	int failed = gunzip_begin(z, to, ROOM);

	for (size_t i = 0; i < packed.size && !failed; i += piece)
		failed = gunzip_feed(z, packed.data + i, packed.size - i < piece ? packed.size - i : piece);
	if (failed)
		return failed;
	return gunzip_end(z);
}

/* Only of one member: zlib's inflate() stops behind it. */
static void zlib_agrees(struct bytes packed, int failed, struct bytes text)
{
	static char room[ROOM];
	z_stream s = { .next_in = (Bytef *)packed.data, .avail_in = (uInt)packed.size };
	int answer;

	s.next_out = (Bytef *)room;
	s.avail_out = ROOM;
	need(inflateInit2(&s, 15 + 16) == Z_OK);
	answer = inflate(&s, Z_FINISH);
	if (answer == Z_STREAM_END && s.avail_in == 0)
		need(!failed && s.total_out == text.size && memcmp(room, text.data, text.size) == 0);
	inflateEnd(&s);
}

static void there_and_back(struct gunzip *gunzip, struct bytes text)
{
	struct gzip *gzip = gzip_new();
	struct buffer packed, back;

	buffer_init(&packed, PACKED_MAX);
	buffer_init(&back, text.size);
	need(gzip && !gzip_begin(gzip, &packed) && !gzip_feed(gzip, text.data, text.size) && !gzip_end(gzip));
	need(!gunzip_begin(gunzip, &back, text.size) && !gunzip_feed(gunzip, packed.data, packed.size) &&
		!gunzip_end(gunzip));
	need(bytes_equal(buffer_bytes(&back), text));
	buffer_done(&packed);
	buffer_done(&back);
	gzip_free(gzip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes packed = { (const char *)data, size };
	struct gunzip *gunzip = gunzip_new();
	struct buffer pieces;
	char *room = malloc(ROOM);
	size_t got = 0;
	int whole;

	need(gunzip && room);
	buffer_init(&pieces, ROOM);
	whole = gunzip_into(gunzip, packed, room, ROOM, &got);
	need(in_pieces(gunzip, packed, &pieces) == 0 ? whole == 0 : whole != 0);
	need(whole || bytes_equal(buffer_bytes(&pieces), (struct bytes){ room, got }));
	zlib_agrees(packed, whole, buffer_bytes(&pieces));
	there_and_back(gunzip, packed);
	buffer_done(&pieces);
	free(room);
	gunzip_free(gunzip);
	return 0;
}
