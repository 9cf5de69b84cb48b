/*
 * deflate and zstd as the libraries of clients write them: undone into exactly the room there is, guessed, and refused
 * for everything else. gzip has tests of its own (gzip_test.c).
 */
#include "proto/packed.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/random.h"
#include "unit/unit.h"

enum { BIG = 1 << 20, ROOM = 2 << 20, MIB = 1 << 20 };

struct tools {
	struct unpacker *unpacker;
	ZSTD_CCtx *zstd;
	char *text; /* BIG bytes: half words, half noise */
	struct buffer packed;
	char *room;
};

static int setup(void **state)
{
	struct tools *t = oxp_new(sizeof *t);
	struct random r;

	random_seed(&r, 1);
	t->unpacker = unpacker_new();
	t->zstd = ZSTD_createCCtx();
	t->text = malloc(BIG);
	t->room = malloc(ROOM);
	assert_true(t->unpacker && t->zstd && t->text && t->room);
	buffer_init(&t->packed, 80 * MIB);
	for (size_t i = 0; i < BIG; i++)
		t->text[i] = i / 4096 % 2 ? (char)random_next(&r) : "GET /api/users/:id completed "[i % 29];
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct tools *t = *state;

	unpacker_free(t->unpacker);
	ZSTD_freeCCtx(t->zstd);
	buffer_done(&t->packed);
	free(t->text);
	free(t->room);
	free(t);
	return 0;
}

/* Ways to pack. */

static void deflate_with(struct tools *t, int window, int level, struct bytes text)
{
	z_stream s = { .next_in = (Bytef *)text.data, .avail_in = (uInt)text.size };
	size_t room = text.size + text.size / 100 + 1000;

	assert_int_equal(deflateInit2(&s, level, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY), Z_OK);
	s.next_out = (Bytef *)buffer_reserve(&t->packed, room);
	s.avail_out = (uInt)room;
	assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
	t->packed.size += s.total_out;
	deflateEnd(&s);
}

static void as_zlib(struct tools *t, struct bytes text)
{
	deflate_with(t, 15, 6, text);
}

static void as_bare(struct tools *t, struct bytes text)
{
	deflate_with(t, -15, 6, text);
}

/* In pieces, as a client does that does not know the size in advance. */
static void zstd_with(struct tools *t, bool sized, struct bytes text)
{
	size_t room = ZSTD_compressBound(text.size) + 1000;
	ZSTD_outBuffer out = { buffer_reserve(&t->packed, room), room, 0 };
	ZSTD_inBuffer in = { text.data, text.size, 0 };

	assert_non_null(out.dst);
	assert_int_equal(ZSTD_CCtx_reset(t->zstd, ZSTD_reset_session_only), 0);
	assert_int_equal(ZSTD_CCtx_setPledgedSrcSize(t->zstd, sized ? text.size : ZSTD_CONTENTSIZE_UNKNOWN), 0);
	for (in.size = sized ? text.size : 0; in.size < text.size; in.size = smaller(in.size + 50000, text.size))
		assert_false(ZSTD_isError(ZSTD_compressStream2(t->zstd, &out, &in, ZSTD_e_continue)));
	while (ZSTD_compressStream2(t->zstd, &out, &in, ZSTD_e_end) != 0)
		;
	t->packed.size += out.pos;
}

static void as_zstd(struct tools *t, struct bytes text)
{
	zstd_with(t, true, text);
}

static void as_zstd_unsized(struct tools *t, struct bytes text)
{
	zstd_with(t, false, text);
}

static void as_zstd_summed(struct tools *t, struct bytes text)
{
	ZSTD_CCtx_setParameter(t->zstd, ZSTD_c_checksumFlag, 1);
	zstd_with(t, false, text);
	ZSTD_CCtx_setParameter(t->zstd, ZSTD_c_checksumFlag, 0);
}

/* A window of 128 MiB, though the text is small. */
static void as_zstd_wide(struct tools *t, struct bytes text)
{
	ZSTD_CCtx_setParameter(t->zstd, ZSTD_c_windowLog, 27);
	zstd_with(t, false, text);
	ZSTD_CCtx_setParameter(t->zstd, ZSTD_c_windowLog, 0);
}

static const struct way {
	enum packing packing;
	void (*pack)(struct tools *, struct bytes);
	bool sized; /* it says how large it is */
} ways[] = {
	{ PACKED_DEFLATE, as_zlib, false },
	{ PACKED_DEFLATE, as_bare, false },
	{ PACKED_ZSTD, as_zstd, true },
	{ PACKED_ZSTD, as_zstd_unsized, false },
	{ PACKED_ZSTD, as_zstd_summed, false },
	{ PACKED_ZSTD, as_zstd_wide, false },
};

static int undo(struct tools *t, enum packing packing, struct bytes packed, size_t room, size_t *ret_size)
{
	struct buffer to = { .data = t->room, .room = room, .ceiling = room };
	int failed = packed_undo(t->unpacker, packing, packed, &to);

	*ret_size = to.size;
	return failed;
}

/* Tries. */

static void there_and_back(struct tools *t, const struct way *way, size_t size)
{
	struct bytes text = { t->text, size }, packed;
	size_t got;

	buffer_clear(&t->packed);
	way->pack(t, text);
	packed = buffer_bytes(&t->packed);
	assert_int_equal(undo(t, way->packing, packed, size, &got), 0);
	assert_true(bytes_equal((struct bytes){ t->room, got }, text));
	assert_int_equal(undo(t, way->packing, packed, ROOM, &got), 0);
	assert_int_equal(got, size);
	if (size > 0)
		assert_int_equal(undo(t, way->packing, packed, size - 1, &got), -EFBIG);
	if (way->sized && size > 0)
		assert_int_equal(packed_guess(way->packing, packed), smaller(size, packed.size * 1032));
}

static void bodies_are_undone_into_exactly_the_room_they_need(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 17, 255, 4096, 65535, 65536, 65537, 131072, 131073, 300000, BIG };

	for (size_t w = 0; w < COUNT_OF(ways); w++)
		for (size_t i = 0; i < COUNT_OF(sizes); i++)
			there_and_back(*state, &ways[w], sizes[i]);
}

static void every_level_is_read(void **state)
{
	struct tools *t = *state;
	struct bytes text = { t->text, 100000 };
	size_t got;

	for (int level = 0; level <= 9; level++)
		for (int window = 9; window <= 15; window++) {
			buffer_clear(&t->packed);
			deflate_with(t, window, level, text);
			assert_int_equal(undo(t, PACKED_DEFLATE, buffer_bytes(&t->packed), ROOM, &got), 0);
			assert_true(bytes_equal((struct bytes){ t->room, got }, text));
		}
	for (int level = -5; level <= 19; level += 4) {
		buffer_clear(&t->packed);
		ZSTD_CCtx_setParameter(t->zstd, ZSTD_c_compressionLevel, level);
		zstd_with(t, false, text);
		assert_int_equal(undo(t, PACKED_ZSTD, buffer_bytes(&t->packed), ROOM, &got), 0);
		assert_true(bytes_equal((struct bytes){ t->room, got }, text));
	}
}

/* From the first guess on to the room that is enough, in a few tries, and never beyond what is allowed. */
static unsigned tries(struct tools *t, enum packing packing, size_t most, int expected, size_t size)
{
	struct bytes packed = buffer_bytes(&t->packed);
	size_t room = smaller(packed_guess(packing, packed), most), got;
	unsigned n = 1;
	int failed;

	while ((failed = undo(t, packing, packed, room, &got)) == -EFBIG && room < most) {
		size_t before = room;
		failed = packed_guess_again(t->unpacker, packing, packed, most, &room);
		assert_in_range(room, before + !failed, most);
		if (failed)
			break;
		n++;
	}
	assert_int_equal(failed, expected);
	if (!failed)
		assert_true(bytes_equal((struct bytes){ t->room, got }, (struct bytes){ t->text, size }));
	return n;
}

static void the_room_is_found_in_a_few_tries(void **state)
{
	struct tools *t = *state;

	memset(t->text, 'a', BIG);
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		bool exact = ways[w].packing == PACKED_DEFLATE;
		buffer_clear(&t->packed);
		ways[w].pack(t, (struct bytes){ t->text, BIG });
		assert_in_range(tries(t, ways[w].packing, ROOM, 0, BIG), 1, exact ? 2 : 7);
		assert_in_range(tries(t, ways[w].packing, BIG, 0, BIG), 1, exact ? 2 : 7);
		assert_in_range(tries(t, ways[w].packing, BIG - 1, -EFBIG, 0), 1, exact ? 2 : 7);
	}
}

/* It stands for a thousand times its size, or for 30,000 times. */
static void a_bomb_takes_no_more_than_is_allowed(void **state)
{
	struct tools *t = *state;
	struct bytes bomb = { calloc(1, 64 * MIB), 64 * MIB };

	assert_non_null(bomb.data);
	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		buffer_clear(&t->packed);
		ways[w].pack(t, bomb);
		assert_true(t->packed.size < bomb.size / 900);
		assert_in_range(tries(t, ways[w].packing, ROOM, -EFBIG, 0), 1, 12);
	}
	free((char *)bomb.data);
}

static void what_is_cut_is_refused(void **state)
{
	struct tools *t = *state;
	size_t got;

	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		buffer_clear(&t->packed);
		ways[w].pack(t, (struct bytes){ t->text, 6000 });
		for (size_t n = 0; n < t->packed.size; n++)
			assert_int_equal(
				undo(t, ways[w].packing, (struct bytes){ t->packed.data, n }, ROOM, &got), -EBADMSG);
	}
}

static void what_follows_is_refused(void **state)
{
	struct tools *t = *state;
	size_t got;

	for (size_t w = 0; w < COUNT_OF(ways); w++)
		for (int c = 0; c < 256; c++) {
			buffer_clear(&t->packed);
			ways[w].pack(t, (struct bytes){ t->text, 100 });
			assert_int_equal(buffer_append(&t->packed, &(char){ (char)c }, 1), 0);
			assert_int_equal(undo(t, ways[w].packing, buffer_bytes(&t->packed), ROOM, &got), -EBADMSG);
		}
}

/* A second one is another body in deflate; in zstd it goes on with the first, and what is to be skipped is skipped. */
static void frames_follow_each_other_in_zstd_alone(void **state)
{
	static const char skipped[] = "\x5f\x2a\x4d\x18\x03\0\0\0abc";
	struct tools *t = *state;
	size_t got;

	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		bool zstd = ways[w].packing == PACKED_ZSTD;
		buffer_clear(&t->packed);
		ways[w].pack(t, (struct bytes){ t->text, 700 });
		ways[w].pack(t, (struct bytes){ t->text + 700, 300 });
		assert_int_equal(undo(t, ways[w].packing, buffer_bytes(&t->packed), ROOM, &got), zstd ? 0 : -EBADMSG);
		if (!zstd)
			continue;
		assert_true(bytes_equal((struct bytes){ t->room, got }, (struct bytes){ t->text, 1000 }));
		assert_int_equal(undo(t, PACKED_ZSTD, buffer_bytes(&t->packed), 999, &got), -EFBIG);
		assert_int_equal(buffer_append(&t->packed, skipped, sizeof skipped - 1), 0);
		ways[w].pack(t, (struct bytes){ t->text + 1000, 5 });
		assert_int_equal(undo(t, PACKED_ZSTD, buffer_bytes(&t->packed), ROOM, &got), 0);
		assert_int_equal(got, 1005);
	}
}

/* Either it is noticed, or it stood for nothing, if the body has a sum. If not, nothing worse than other text comes of
 * it. */
static void a_flipped_bit_is_noticed_where_there_is_a_sum(void **state)
{
	struct tools *t = *state;
	struct bytes text = { t->text, 3000 };
	size_t got;

	for (size_t w = 0; w < COUNT_OF(ways); w++) {
		bool summed = ways[w].pack == as_zlib || ways[w].pack == as_zstd_summed;
		buffer_clear(&t->packed);
		ways[w].pack(t, text);
		for (size_t i = 0; i < t->packed.size * 8; i++) {
			t->packed.data[i / 8] ^= (char)(1 << i % 8);
			if (undo(t, ways[w].packing, buffer_bytes(&t->packed), ROOM, &got) == 0 && summed)
				assert_true(bytes_equal((struct bytes){ t->room, got }, text) || i < 16);
			t->packed.data[i / 8] ^= (char)(1 << i % 8);
		}
	}
}

static void what_needs_a_dictionary_is_refused(void **state)
{
	struct tools *t = *state;
	z_stream s = { .next_in = (Bytef *)t->text, .avail_in = 100 };
	size_t got, n;

	assert_int_equal(deflateInit(&s, 6), Z_OK);
	assert_int_equal(deflateSetDictionary(&s, (const Bytef *)"GET /api", 8), Z_OK);
	s.next_out = (Bytef *)buffer_reserve(&t->packed, 1000);
	s.avail_out = 1000;
	assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
	t->packed.size = s.total_out;
	deflateEnd(&s);
	assert_int_equal(undo(t, PACKED_DEFLATE, buffer_bytes(&t->packed), ROOM, &got), -EBADMSG);
	/* Number 7: the flag, and a byte behind the head. */
	n = ZSTD_compress(t->packed.data, t->packed.room, t->text, 100, 1);
	assert_false(ZSTD_isError(n));
	memmove(t->packed.data + 6, t->packed.data + 5, n - 5);
	t->packed.data[4] |= 1;
	t->packed.data[5] = 7;
	assert_int_equal(undo(t, PACKED_ZSTD, (struct bytes){ t->packed.data, n + 1 }, ROOM, &got), -EBADMSG);
}

/* A frame as it was before RFC 8878: the library knows it, too. */
static void older_formats_are_refused(void **state)
{
	static const char *const heads[] = { "\x24\xb5\x2f\xfd", "\x25\xb5\x2f\xfd", "\x26\xb5\x2f\xfd",
		"\x27\xb5\x2f\xfd", "\x1e\xb5\x2f\xfd", "\x22\xb5\x2f\xfd", "\x23\xb5\x2f\xfd", "\x37\xa4\x30\xec" };
	struct tools *t = *state;
	char body[64] = { 0 };
	size_t got;

	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		memcpy(body, heads[i], 4);
		assert_int_equal(undo(t, PACKED_ZSTD, (struct bytes){ body, sizeof body }, ROOM, &got), -EBADMSG);
		assert_int_equal(packed_guess(PACKED_ZSTD, (struct bytes){ body, sizeof body }), 64 << 10);
	}
}

/* What a frame says of its size takes no memory, and is not believed: less is refused, more is, too. */
static void a_frame_that_lies_about_its_size_is_refused(void **state)
{
	struct tools *t = *state;
	size_t got, n = ZSTD_compress(t->room, ROOM, t->text, 300, 1);

	assert_false(ZSTD_isError(n));
	assert_int_equal(buffer_append(&t->packed, t->room, n), 0);
	assert_int_equal((unsigned char)t->packed.data[4] >> 5, 3); /* one segment, a size of two bytes, less 256 */
	assert_int_equal(packed_guess(PACKED_ZSTD, buffer_bytes(&t->packed)), 300);
	t->packed.data[6] = (char)0xff;
	assert_int_equal(packed_guess(PACKED_ZSTD, buffer_bytes(&t->packed)), smaller(0xff2c + 256, n * 1032));
	assert_int_equal(undo(t, PACKED_ZSTD, buffer_bytes(&t->packed), ROOM, &got), -EBADMSG);
	t->packed.data[5] = t->packed.data[6] = 0;
	tries(t, PACKED_ZSTD, ROOM, -EBADMSG, 0);
}

static void a_list_names_one_packing(void **state)
{
	static const struct {
		const char *word;
		enum packing packing;
	} rows[] = { { "gzip", PACKED_GZIP }, { "x-gzip", PACKED_GZIP }, { "X-GZIP", PACKED_GZIP },
		{ "Deflate", PACKED_DEFLATE }, { "zstd", PACKED_ZSTD }, { "identity", PACKED_NOT }, { "", PACKED_NOT },
		{ " ,\t", PACKED_NOT }, { "gzip, identity", PACKED_GZIP }, { ", Identity ,zstd,", PACKED_ZSTD } };
	static const char *const others[] = { "br", "gzip, zstd", "gzip,gzip", "gzip identity", "identity, br", "zst",
		"x-deflate", "snappy", "lz4" };
	enum packing packing;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_true(packing_find(rows[i].word, &packing));
		assert_int_equal(packing, rows[i].packing);
	}
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_false(packing_find(others[i], &packing));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(bodies_are_undone_into_exactly_the_room_they_need),
		TEST(every_level_is_read),
		TEST(the_room_is_found_in_a_few_tries),
		TEST(a_bomb_takes_no_more_than_is_allowed),
		TEST(what_is_cut_is_refused),
		TEST(what_follows_is_refused),
		TEST(frames_follow_each_other_in_zstd_alone),
		TEST(a_flipped_bit_is_noticed_where_there_is_a_sum),
		TEST(what_needs_a_dictionary_is_refused),
		TEST(older_formats_are_refused),
		TEST(a_frame_that_lies_about_its_size_is_refused),
		TEST(a_list_names_one_packing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
