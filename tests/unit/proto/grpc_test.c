/*
 * What gRPC puts around a message: frames however they are cut, deadlines, and how a failure is told.
 */
#include "proto/grpc.h"

#include <errno.h>

#include "unit/unit.h"

enum { ROOM = 4096 };

static void a_frame_is_read_however_it_is_cut(void **state)
{
	static const char bytes[] = { 1, 0, 1, 2, 3, 'a', 'b' };

	(void)state;
	for (size_t piece = 1; piece <= sizeof bytes; piece++) {
		struct grpc_frame f = { .got = 0 };
		struct bytes in = { NULL, 0 };
		size_t at = 0;
		assert_false(grpc_frame_read(&f, &in));
		while (!grpc_frame_is_whole(&f)) {
			in = (struct bytes){ bytes + at, smaller(piece, sizeof bytes - at) };
			at += in.size;
			grpc_frame_read(&f, &in);
		}
		assert_int_equal(grpc_frame_flag(&f), 1);
		assert_int_equal(grpc_frame_size(&f), 0x010203);
		assert_int_equal(at - in.size, GRPC_HEAD_SIZE);
	}
}

static void a_frame_is_written_as_it_is_read(void **state)
{
	static const size_t sizes[] = { 0, 1, 255, 256, 70000, UINT32_MAX };
	char head[GRPC_HEAD_SIZE];

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
		struct grpc_frame f = { .got = 0 };
		struct bytes in = { head, sizeof head };
		grpc_head_write(false, (uint32_t)sizes[i], head);
		assert_true(grpc_frame_read(&f, &in));
		assert_int_equal(grpc_frame_size(&f), sizes[i]);
		assert_int_equal(grpc_frame_flag(&f), 0);
	}
}

static void deadlines(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} rows[] = {
		{ "1n", 1 },
		{ "20u", 20000 },
		{ "9999m", INT64_C(9999000000) },
		{ "10S", INT64_C(10000000000) },
		{ "2M", INT64_C(120000000000) },
		{ "1H", INT64_C(3600000000000) },
		{ "99999999H", INT64_MAX },
		{ "0S", 0 },
	};
	static const char *const wrong[] = { "", "S", "1", "1s", "1SS", "-1S", "+1S", " 1S", "123456789S", "1.5S",
		"1h" };
	struct duration d;

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(grpc_timeout_parse(rows[i].text, &d), 0);
		assert_int_equal(d.ns, rows[i].ns);
	}
	for (unsigned i = 0; i < COUNT_OF(wrong); i++)
		assert_int_equal(grpc_timeout_parse(wrong[i], &d), -EINVAL);
}

static void a_message_is_escaped(void **state)
{
	struct buffer to;

	(void)state;
	buffer_init(&to, ROOM);
	assert_int_equal(grpc_message_write("100 % of \xc3\xa4\n", &to), 0);
	assert_true(bytes_are(buffer_bytes(&to), "100 %25 of %C3%A4%0A"));
	buffer_done(&to);
}

/* As protoc --encode and base64 write it. */
static void details_say_when_to_try_again(void **state)
{
	struct buffer to;

	(void)state;
	buffer_init(&to, ROOM);
	assert_int_equal(grpc_details_write(GRPC_STATUS_UNAVAILABLE, "no room", 1, &to), 0);
	assert_true(bytes_are(buffer_bytes(&to),
		"CA4SB25vIHJvb20aMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIAQ"));
	buffer_done(&to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_read_however_it_is_cut),
		cmocka_unit_test(a_frame_is_written_as_it_is_read),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(a_message_is_escaped),
		cmocka_unit_test(details_say_when_to_try_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
