/*
 * gzip both ways and against zlib: in any pieces, into exactly the room there is, and everything that is no gzip.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/random.h"
#include "proto/gzip.h"

enum { ROOM = 8 << 20, BIG = 1 << 20, BOMB = 64 << 20, FORMAT = 15 + 16 };

struct tools {
	struct gzip *gzip;
	struct gunzip *gunzip;
	char *text; /* BIG bytes: half words, half noise */
};

static int setup(void **state)
{
	struct tools *t = calloc(1, sizeof *t);
	struct random r;

	assert_non_null(t);
	random_seed(&r, 1);
	t->gzip = gzip_new();
	t->gunzip = gunzip_new();
	t->text = malloc(BIG);
	assert_true(t->gzip && t->gunzip && t->text);
	for (size_t i = 0; i < BIG; i++)
		t->text[i] = i / 4096 % 2 ? (char)random_next(&r) : "GET /api/users/:id completed "[i % 29];
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct tools *t = *state;

	gzip_free(t->gzip);
	gunzip_free(t->gunzip);
	free(t->text);
	free(t);
	return 0;
}

static void pack(struct tools *t, size_t size, size_t piece, struct buffer *to)
{
	assert_int_equal(gzip_begin(t->gzip, to), 0);
	for (size_t i = 0; i < size; i += piece)
		assert_int_equal(gzip_feed(t->gzip, t->text + i, size - i < piece ? size - i : piece), 0);
	assert_int_equal(gzip_end(t->gzip), 0);
}

static int unpack(struct gunzip *z, struct bytes packed, size_t piece, struct buffer *to, size_t ceiling)
{
	int failed = gunzip_begin(z, to, ceiling);

	for (size_t i = 0; i < packed.size && !failed; i += piece)
		failed = gunzip_feed(z, packed.data + i, packed.size - i < piece ? packed.size - i : piece);
	if (failed)
		return failed;
	return gunzip_end(z);
}

/* zlib's own opinion. */
static bool zlib_agrees(struct bytes packed, const char *text, size_t size)
{
	z_stream s = { 0 };
	Bytef *out = malloc(size + 1);
	bool fine;

	assert_non_null(out);
	assert_int_equal(inflateInit2(&s, FORMAT), Z_OK);
	s.next_in = (Bytef *)packed.data;
	s.avail_in = (uInt)packed.size;
	s.next_out = out;
	s.avail_out = (uInt)size + 1;
	fine = inflate(&s, Z_FINISH) == Z_STREAM_END && s.total_out == size && s.avail_in == 0 &&
	       memcmp(out, text, size) == 0;
	inflateEnd(&s);
	free(out);
	return fine;
}

static void zlib_packs(const char *text, size_t size, int level, struct buffer *to)
{
	z_stream s = { 0 };
	size_t room = size + size / 100 + 1000;

	assert_int_equal(deflateInit2(&s, level, Z_DEFLATED, FORMAT, 9, Z_DEFAULT_STRATEGY), Z_OK);
	s.next_in = (Bytef *)text;
	s.avail_in = (uInt)size;
	s.next_out = (Bytef *)buffer_reserve(to, room);
	s.avail_out = (uInt)room;
	assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
	to->size += s.total_out;
	deflateEnd(&s);
}

static void there_and_back(struct tools *t, size_t size, size_t piece)
{
	struct buffer packed, text;
	size_t got;
	char *exact = malloc(size ? size : 1);

	assert_non_null(exact);
	buffer_init(&packed, ROOM);
	buffer_init(&text, ROOM);
	pack(t, size, piece, &packed);
	assert_true(zlib_agrees(buffer_bytes(&packed), t->text, size));
	assert_int_equal(gzip_inflated_size(buffer_bytes(&packed)), size);
	assert_int_equal(unpack(t->gunzip, buffer_bytes(&packed), piece, &text, size), 0);
	assert_true(bytes_equal(buffer_bytes(&text), (struct bytes){ t->text, size }));
	assert_int_equal(gunzip_into(t->gunzip, buffer_bytes(&packed), exact, size, &got), 0);
	assert_int_equal(got, size);
	assert_memory_equal(exact, t->text, size);
	if (size > 0)
		assert_int_equal(gunzip_into(t->gunzip, buffer_bytes(&packed), exact, size - 1, &got), -EFBIG);
	buffer_done(&packed);
	buffer_done(&text);
	free(exact);
}

static void bodies_go_there_and_back(void **state)
{
	static const size_t sizes[] = { 0, 1, 2, 17, 255, 4096, 65535, 65536, 65537, 300000, BIG };
	static const size_t pieces[] = { 1000, 65536, BIG };

	for (size_t i = 0; i < COUNT_OF(sizes); i++)
		for (size_t k = 0; k < COUNT_OF(pieces); k++)
			there_and_back(*state, sizes[i], pieces[k]);
	for (size_t piece = 1; piece < 40; piece++)
		there_and_back(*state, 5000, piece);
}

static void read_what_zlib_packed(const struct tools *t, int level, size_t size, size_t first_piece)
{
	struct buffer packed, text;

	buffer_init(&packed, ROOM);
	buffer_init(&text, ROOM);
	zlib_packs(t->text, size, level, &packed);
	for (size_t piece = first_piece; piece < BIG; piece = piece * 7 + 1) {
		buffer_clear(&text);
		assert_int_equal(unpack(t->gunzip, buffer_bytes(&packed), piece, &text, ROOM), 0);
		assert_true(bytes_equal(buffer_bytes(&text), (struct bytes){ t->text, size }));
	}
	buffer_done(&packed);
	buffer_done(&text);
}

/* Three windows of text, and a smaller one byte by byte. */
static void every_level_of_zlib_is_read(void **state)
{
	for (int level = 0; level <= 9; level++) {
		read_what_zlib_packed(*state, level, 100000, 8);
		read_what_zlib_packed(*state, level, 10000, 1);
	}
}

static void members_follow_each_other(void **state)
{
	struct tools *t = *state;
	struct buffer packed, text;
	char room[1001];
	size_t got;

	buffer_init(&packed, ROOM);
	buffer_init(&text, ROOM);
	pack(t, 700, 700, &packed);
	pack(t, 0, 1, &packed);
	zlib_packs(t->text + 700, 300, 6, &packed);
	for (size_t piece = 1; piece <= packed.size; piece++) {
		buffer_clear(&text);
		assert_int_equal(unpack(t->gunzip, buffer_bytes(&packed), piece, &text, 1000), 0);
		assert_true(bytes_equal(buffer_bytes(&text), (struct bytes){ t->text, 1000 }));
		buffer_clear(&text);
		assert_int_equal(unpack(t->gunzip, buffer_bytes(&packed), piece, &text, 999), -EFBIG);
	}
	assert_int_equal(gunzip_into(t->gunzip, buffer_bytes(&packed), room, 1000, &got), 0);
	assert_int_equal(got, 1000);
	buffer_done(&packed);
	buffer_done(&text);
}

static void what_is_cut_is_refused(void **state)
{
	struct tools *t = *state;
	struct buffer packed;
	char room[3000];
	size_t got;

	buffer_init(&packed, ROOM);
	pack(t, 3000, 3000, &packed);
	for (size_t n = 0; n < packed.size; n++)
		assert_int_equal(
			gunzip_into(t->gunzip, (struct bytes){ packed.data, n }, room, sizeof room, &got), -EBADMSG);
	buffer_done(&packed);
}

static void what_follows_is_refused(void **state)
{
	struct tools *t = *state;
	struct buffer packed;
	char room[3000];
	size_t got;

	buffer_init(&packed, ROOM);
	for (int c = 0; c < 256; c++) {
		buffer_clear(&packed);
		pack(t, 100, 100, &packed);
		assert_int_equal(buffer_append(&packed, &(char){ (char)c }, 1), 0);
		assert_int_equal(gunzip_into(t->gunzip, buffer_bytes(&packed), room, sizeof room, &got), -EBADMSG);
	}
	buffer_done(&packed);
}

/* Each bit: either it is noticed, or it stood for nothing (the header's time and system, a code that is not used). */
static void a_flipped_bit_is_noticed(void **state)
{
	struct tools *t = *state;
	struct buffer packed;
	char room[4000];
	size_t got, unnoticed = 0;

	buffer_init(&packed, ROOM);
	pack(t, 3000, 3000, &packed);
	for (size_t i = 0; i < packed.size * 8; i++) {
		packed.data[i / 8] ^= (char)(1 << i % 8);
		if (gunzip_into(t->gunzip, buffer_bytes(&packed), room, sizeof room, &got) == 0) {
			unnoticed++;
			assert_int_equal(got, 3000);
			assert_memory_equal(room, t->text, 3000);
		}
		packed.data[i / 8] ^= (char)(1 << i % 8);
	}
	assert_in_range(unnoticed, 6 * 8, 12 * 8);
	buffer_done(&packed);
}

static void a_bomb_stops_at_the_ceiling(void **state)
{
	struct tools *t = *state;
	struct buffer packed, text;
	char *zeros = calloc(1, BOMB);
	char room[1000];
	size_t got;

	assert_non_null(zeros);
	buffer_init(&packed, ROOM);
	buffer_init(&text, BOMB);
	assert_int_equal(gzip_begin(t->gzip, &packed), 0);
	assert_int_equal(gzip_feed(t->gzip, zeros, BOMB), 0);
	assert_int_equal(gzip_end(t->gzip), 0);
	free(zeros);
	assert_int_equal(unpack(t->gunzip, buffer_bytes(&packed), 100, &text, 100000), -EFBIG);
	assert_int_equal(text.size, 100000);
	assert_true(text.room <= 2 * 100000);
	assert_int_equal(gunzip_into(t->gunzip, buffer_bytes(&packed), room, sizeof room, &got), -EFBIG);
	buffer_done(&packed);
	buffer_done(&text);
}

/* Sizes about a step of output: the end of a body may wait in the inflater when all input is taken. */
static void nothing_stays_inside(void **state)
{
	struct tools *t = *state;
	struct buffer packed, text;

	buffer_init(&packed, ROOM);
	memset(t->text, 0, BIG);
	for (size_t size = 65530; size < 67000; size++) {
		buffer_clear(&packed);
		zlib_packs(t->text, size, 9, &packed);
		buffer_init(&text, ROOM);
		assert_int_equal(unpack(t->gunzip, buffer_bytes(&packed), packed.size, &text, ROOM), 0);
		assert_int_equal(text.size, size);
		buffer_done(&text);
	}
	buffer_done(&packed);
}

static void a_full_buffer_ends_a_body_not_the_compressor(void **state)
{
	struct tools *t = *state;
	struct buffer packed, text, small;

	buffer_init(&packed, ROOM);
	pack(t, 50000, 50000, &packed);
	for (size_t ceiling = 0; ceiling < packed.size; ceiling += 1 + packed.size / 50) {
		buffer_init(&small, ceiling);
		assert_int_equal(gzip_begin(t->gzip, &small), 0);
		if (gzip_feed(t->gzip, t->text, 50000) == 0)
			assert_int_equal(gzip_end(t->gzip), -ENOSPC);
		buffer_check(&small);
		buffer_done(&small);
		buffer_init(&small, ceiling);
		assert_int_equal(unpack(t->gunzip, buffer_bytes(&packed), 50000, &small, ROOM), -ENOSPC);
		buffer_done(&small);
	}
	buffer_init(&small, packed.size);
	pack(t, 50000, 50000, &small);
	buffer_init(&text, ROOM);
	assert_int_equal(unpack(t->gunzip, buffer_bytes(&small), 50000, &text, 50000), 0);
	buffer_done(&small);
	buffer_done(&packed);
	buffer_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bodies_go_there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(every_level_of_zlib_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(members_follow_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_cut_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(what_follows_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_flipped_bit_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bomb_stops_at_the_ceiling, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_stays_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_buffer_ends_a_body_not_the_compressor, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
