/*
 * The parts of the HTTP/2 engine that see bytes alone: the ration of frames, and the head made of pairs.
 */
#include "http/h2_calm.h"
#include "http/h2_head.h"

#include "unit/unit.h"

enum { PREFACE = 24, A_SECOND = 1000000000 };

static const unsigned char ping[H2_FRAME_HEAD + 8] = { 0, 0, 8, 6 };

static const char *see(struct h2_calm *c, int64_t now, const void *data, size_t size)
{
	return h2_calm_see(c, (struct mono_time){ now }, (struct bytes){ data, size });
}

static void a_ration_comes_with_time_and_with_answers(void **state)
{
	struct h2_calm c;
	int64_t now = 5;

	(void)state;
	h2_calm_init(&c, (struct mono_time){ now }, 0);
	for (int i = 0; i < H2_CALM_MAX; i++)
		assert_null(see(&c, now, ping, sizeof ping));
	assert_string_equal(see(&c, now, ping, sizeof ping), "too_many_pings");
	for (int i = 0; i < H2_CALM_A_SECOND; i++) /* each brings a part of a token: together they bring all */
		assert_null(see(&c, now += A_SECOND / H2_CALM_A_SECOND, ping, sizeof ping));
	assert_non_null(see(&c, now + 1, ping, sizeof ping));
	h2_calm_answered(&c);
	for (int i = 0; i < H2_CALM_ANSWERED; i++)
		assert_null(see(&c, now + 1, ping, sizeof ping));
	assert_non_null(see(&c, now + 1, ping, sizeof ping));
	assert_null(see(&c, now + (int64_t)1000 * A_SECOND, ping, sizeof ping));
	assert_int_equal(c.tokens, H2_CALM_MAX - 1);
}

/* HEADERS of 3 bytes, DATA of 300 and of 2 with the end of the stream, an empty one, PING. */
static size_t some_frames(unsigned char *to)
{
	static const unsigned char heads[][H2_FRAME_HEAD] = { { 0, 0, 3, 1, 4, 0, 0, 0, 1 },
		{ 0, 1, 44, 0, 0, 0, 0, 0, 1 }, { 0, 0, 2, 0, 1, 0, 0, 0, 1 }, { 0, 0, 0, 0, 0, 0, 0, 0, 3 },
		{ 0, 0, 8, 6, 0, 0, 0, 0, 0 } };
	size_t at = PREFACE;

	memset(to, 0xff, 1000);
	for (unsigned i = 0; i < COUNT_OF(heads); i++) {
		memcpy(to + at, heads[i], H2_FRAME_HEAD);
		at += H2_FRAME_HEAD + ((size_t)heads[i][1] << 8) + heads[i][2];
	}
	return at;
}

static void frames_count_the_same_however_they_are_cut(void **state)
{
	unsigned char all[1000];
	size_t size = some_frames(all);
	struct h2_calm c;

	(void)state;
	for (size_t piece = 1; piece <= size; piece++) {
		h2_calm_init(&c, (struct mono_time){ 1 }, PREFACE);
		for (size_t at = 0; at < size; at += piece)
			assert_null(see(&c, 1, all + at, smaller(piece, size - at)));
		assert_int_equal(c.tokens, H2_CALM_MAX - 2 - 1 - 1); /* the head, the empty one, the ping */
	}
}

static void what_is_left_of_data_is_known(void **state)
{
	unsigned char all[1000];
	struct h2_calm c;

	(void)state;
	some_frames(all);
	h2_calm_init(&c, (struct mono_time){ 1 }, PREFACE);
	assert_null(see(&c, 1, all, PREFACE + H2_FRAME_HEAD + 1));
	assert_int_equal(h2_calm_data_left(&c), 0); /* of HEADERS, two bytes */
	assert_null(see(&c, 1, all + PREFACE + H2_FRAME_HEAD + 1, 2 + H2_FRAME_HEAD + 100));
	assert_int_equal(h2_calm_data_left(&c), 200);
}

static void a_block_has_few_continuations(void **state)
{
	static const unsigned char continuation[H2_FRAME_HEAD] = { 0, 0, 0, 9, 0, 0, 0, 0, 1 };
	struct h2_calm c;

	(void)state;
	h2_calm_init(&c, (struct mono_time){ 1 }, 0);
	for (int i = 0; i < 3 * H2_CONTINUATIONS_MAX; i++) {
		assert_null(see(&c, 1, continuation, sizeof continuation));
		if (i % H2_CONTINUATIONS_MAX == H2_CONTINUATIONS_MAX - 1)
			assert_null(see(&c, 1, ping, sizeof ping));
	}
	for (int i = 0; i < H2_CONTINUATIONS_MAX; i++)
		assert_null(see(&c, 1, continuation, sizeof continuation));
	assert_string_equal(see(&c, 1, continuation, sizeof continuation), "a block of fields without end");
}

static void add(struct h2_head *h, const char *name, const char *value)
{
	h2_head_add(h, bytes_of(name), bytes_of(value));
}

static void a_head_of_pairs_reads_like_any_other(void **state)
{
	struct h2_head h;

	(void)state;
	h2_head_init(&h);
	add(&h, ":method", "POST");
	add(&h, ":scheme", "http");
	add(&h, ":path", "/a%20b?name=x+y&other=1");
	add(&h, ":authority", "127.0.0.1:4317");
	add(&h, "te", "trailers");
	add(&h, "empty", "");
	assert_int_equal(h2_head_end(&h, false), 0);
	http_head_strings(&h.head, h.text.data);
	assert_string_equal(http_head_path(&h.head, h.text.data), "/a b");
	assert_string_equal(http_head_query(&h.head, h.text.data, "name"), "x y");
	assert_string_equal(http_head_query(&h.head, h.text.data, "other"), "1");
	assert_string_equal(http_head_field(&h.head, h.text.data, "Host"), "127.0.0.1:4317");
	assert_string_equal(http_head_field(&h.head, h.text.data, "TE"), "trailers");
	assert_string_equal(http_head_field(&h.head, h.text.data, "empty"), "");
	assert_null(http_head_field(&h.head, h.text.data, ":scheme"));
	assert_true(h.head.open_ended);
	h2_head_done(&h);
}

static unsigned verdict(const char *const *pairs)
{
	struct h2_head h;
	unsigned wrong;

	h2_head_init(&h);
	for (; *pairs; pairs += 2)
		add(&h, pairs[0], pairs[1]);
	wrong = h2_head_end(&h, true);
	h2_head_done(&h);
	return wrong;
}

static void heads_that_are_refused(void **state)
{
	static const char *const same[] = { ":method", "GET", ":path", "/", ":authority", "A", "host", "a", NULL };
	static const char *const other[] = { ":method", "GET", ":path", "/", ":authority", "a", "host", "b", NULL };
	static const char *const no_path[] = { ":method", "GET", ":authority", "a", NULL };
	static const char *const no_method[] = { ":path", "/", ":authority", "a", NULL };

	(void)state;
	assert_int_equal(verdict(same), 0);
	assert_int_equal(verdict(other), 400);
	assert_int_equal(verdict(no_path), 400);
	assert_int_equal(verdict(no_method), 400);
}

static void a_head_has_ceilings(void **state)
{
	static const char value[HTTP_HEAD_MAX + 1] = { 0 };
	struct h2_head h;

	(void)state;
	h2_head_init(&h);
	add(&h, ":method", "GET");
	add(&h, ":path", "/");
	for (int i = 0; i < HTTP_FIELDS_MAX; i++)
		add(&h, "a", "b");
	assert_int_equal(h2_head_end(&h, true), 0);
	add(&h, "a", "b");
	assert_int_equal(h2_head_end(&h, true), 431);
	h2_head_done(&h);
	h2_head_init(&h);
	for (int i = 0; i < 8; i++)
		h2_head_add(&h, bytes_of("a"), (struct bytes){ value, HTTP_HEAD_MAX / 8 - H2_FIELD_EXTRA - 1 });
	assert_int_equal(h.wrong, 0);
	add(&h, "a", "");
	assert_int_equal(h.wrong, 431);
	h2_head_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ration_comes_with_time_and_with_answers),
		cmocka_unit_test(frames_count_the_same_however_they_are_cut),
		cmocka_unit_test(what_is_left_of_data_is_known),
		cmocka_unit_test(a_block_has_few_continuations),
		cmocka_unit_test(a_head_of_pairs_reads_like_any_other),
		cmocka_unit_test(heads_that_are_refused),
		cmocka_unit_test(a_head_has_ceilings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
