/*
 * Packed bodies. The first byte says of which kind. What is undone is what the libraries say in pieces, the room that
 * is guessed grows until it is enough, and bytes that were packed come back.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "proto/packed.h"

enum { ROOM = 1 << 20, TRIES_MAX = 24 };

static void need(int holds)
{
	if (!holds)
		abort();
}

static int undo(struct unpacker *u, enum packing packing, struct bytes packed, struct bytes room, size_t *ret_size)
{
	struct buffer to = { .data = (char *)room.data, .room = room.size, .ceiling = room.size };
	int failed = packed_undo(u, packing, packed, &to);

	need(to.size <= room.size);
	*ret_size = to.size;
	return failed;
}

/* One body, with the head or without; `other` is what comes of it. False: it is none. */
static bool zlib_undoes(struct bytes packed, struct bytes other, size_t *ret_size)
{
	bool head = packed.size > 0 && (*packed.data & 15) == 8;
	z_stream s = { .next_in = (Bytef *)packed.data, .avail_in = (uInt)packed.size };
	int said;

	s.next_out = (Bytef *)other.data;
	s.avail_out = (uInt)other.size;
	need(inflateInit2(&s, head ? 15 : -15) == Z_OK);
	said = inflate(&s, Z_FINISH);
	*ret_size = s.total_out;
	inflateEnd(&s);
	return said == Z_STREAM_END && s.avail_in == 0;
}

/* Frame after frame, with a window. */
static bool zstd_undoes(struct bytes packed, struct bytes other, size_t *ret_size)
{
	ZSTD_DCtx *context = ZSTD_createDCtx();
	ZSTD_inBuffer in = { packed.data, packed.size, 0 };
	ZSTD_outBuffer out = { (char *)other.data, other.size, 0 };
	size_t said = 1, before = 1;

	need(context != NULL);
	while (!ZSTD_isError(said) && in.pos + out.pos != before && (said > 0 || in.pos < in.size)) {
		before = in.pos + out.pos;
		said = ZSTD_decompressStream(context, &out, &in);
	}
	ZSTD_freeDCtx(context);
	*ret_size = out.pos;
	return said == 0 && in.pos == in.size;
}

static void others_agree(enum packing packing, struct bytes packed, int failed, struct bytes text)
{
	struct bytes other = { malloc(ROOM), ROOM };
	size_t got = 0;
	bool fine;

	need(other.data != NULL);
	fine = packing == PACKED_ZSTD ? zstd_undoes(packed, other, &got) : zlib_undoes(packed, other, &got);
	other.size = got;
	need(failed || !fine || packing == PACKED_GZIP || bytes_equal(text, other));
	need(failed != -EBADMSG || !fine || packing != PACKED_DEFLATE); /* zstd: formats of long ago */
	free((char *)other.data);
}

static void room_is_found(struct unpacker *u, enum packing packing, struct bytes packed, struct bytes text)
{
	char *out = malloc(ROOM);
	size_t room = smaller(packed_guess(packing, packed), ROOM), got = 0;

	need(out != NULL);
	for (int i = 0; undo(u, packing, packed, (struct bytes){ out, room }, &got) == -EFBIG; i++) {
		size_t before = room;
		int failed = packed_guess_again(u, packing, packed, ROOM, &room);
		if (failed && packing == PACKED_ZSTD)
			return free(out); /* a block is larger than blocks may be */
		need(!failed && room > before && room <= ROOM);
		need(i < TRIES_MAX);
	}
	need(bytes_equal((struct bytes){ out, got }, text));
	free(out);
}

static void there_and_back(struct unpacker *u, struct bytes text, struct bytes room)
{
	size_t most = ZSTD_compressBound(text.size) + compressBound(text.size), size = most, got = 0;
	char *packed = malloc(most);

	need(packed != NULL);
	need(compress2((Bytef *)packed, &size, (const Bytef *)text.data, text.size, 1) == Z_OK);
	need(undo(u, PACKED_DEFLATE, (struct bytes){ packed, size }, room, &got) == 0);
	need(bytes_equal((struct bytes){ room.data, got }, text));
	size = ZSTD_compress(packed, most, text.data, text.size, 1);
	need(undo(u, PACKED_ZSTD, (struct bytes){ packed, size }, room, &got) == 0);
	need(bytes_equal((struct bytes){ room.data, got }, text));
	free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum packing packing = (enum packing)(size > 0 ? 1 + data[0] % 3 : 1);
	struct bytes packed = { (const char *)data + (size > 0), size - (size > 0) };
	struct unpacker *u = unpacker_new();
	struct bytes room = { malloc(ROOM), ROOM };
	size_t got = 0;
	int failed;

	need(u && room.data);
	failed = undo(u, packing, packed, room, &got);
	need(failed == 0 || failed == -EFBIG || failed == -EBADMSG);
	others_agree(packing, packed, failed, (struct bytes){ room.data, got });
	if (!failed)
		room_is_found(u, packing, packed, (struct bytes){ room.data, got });
	if (packed.size <= ROOM)
		there_and_back(u, packed, room);
	free((char *)room.data);
	unpacker_free(u);
	return 0;
}
