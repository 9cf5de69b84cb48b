/*
 * Buffers: what is appended is there, a ceiling holds and changes nothing, and nothing appended to nothing is fine.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"

static void test_nothing_is_appended_to_nothing(void **state)
{
	struct buffer fresh, zero;

	(void)state;
	buffer_init(&fresh, 100);
	buffer_init(&zero, 0);
	assert_int_equal(buffer_append(&fresh, "", 0), 0);
	assert_int_equal(buffer_append(&fresh, NULL, 0), 0);
	assert_int_equal(buffer_text(&fresh, ""), 0);
	assert_int_equal(buffer_append(&zero, "", 0), 0);
	assert_int_equal(buffer_append(&zero, "x", 1), -ENOSPC);
	assert_null(fresh.data);
	buffer_check(&fresh);
	buffer_check(&zero);
	buffer_done(&fresh);
	buffer_done(&zero);
}

static void test_what_is_appended_is_there(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 1 << 20);
	for (int i = 0; i < 10000; i++) {
		char digits[8];
		int n = snprintf(digits, sizeof digits, "%05d", i);
		assert_int_equal(buffer_append(&b, digits, (size_t)n), 0);
		buffer_check(&b);
	}
	assert_int_equal(b.size, 50000);
	for (int i = 0; i < 10000; i++) {
		char five[6] = "";
		memcpy(five, b.data + 5 * i, 5);
		assert_int_equal(strtol(five, NULL, 10), i);
	}
	buffer_clear(&b);
	assert_int_equal(b.size, 0);
	assert_true(b.room > 0);
	buffer_done(&b);
	buffer_done(&b);
}

/* `end` at that offset of a line of so many bytes, and before it; at == size is behind it. */
static void look_through(size_t size, size_t at, char end)
{
	enum { MOST = 112 };
	static const char others[] = "\t\v\f\x8a\x8d\x1a\x1dx";
	char from[MOST], to[MOST];

	for (size_t i = 0; i < sizeof from; i++)
		from[i] = others[(i + at) % (sizeof others - 1)];
	from[0] = from[1 + size] = from[1 + at] = end;
	memset(to, 'y', sizeof to);
	assert_int_equal(bytes_copy_line(to + 1, (struct bytes){ from + 1, size }), at == size);
	assert_int_equal(bytes_one_line((struct bytes){ from + 1, size }), at == size);
	assert_memory_equal(to + 1, from + 1, size);
	assert_true(to[0] == 'y' && to[size + 1] == 'y');
}

/* A line end is found at whatever offset of whatever size, and not before or behind it; the copy is what was copied. */
static void test_a_line_is_copied_and_looked_through(void **state)
{
	(void)state;
	for (size_t size = 0; size <= 110; size++)
		for (size_t at = 0; at <= size; at++) {
			look_through(size, at, '\n');
			look_through(size, at, '\r');
		}
}

/* Beyond the ceiling nothing changes; up to it everything fits. */
static void test_a_ceiling_holds(void **state)
{
	static const size_t ceilings[] = { 1, 2, 255, 256, 257, 1000 };
	static const char text[1001];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ceilings); i++) {
		struct buffer b;
		buffer_init(&b, ceilings[i]);
		assert_int_equal(buffer_append(&b, text, ceilings[i] + 1), -ENOSPC);
		assert_int_equal(b.size, 0);
		assert_int_equal(buffer_append(&b, text, ceilings[i] - 1), 0);
		assert_int_equal(buffer_append(&b, text, 2), -ENOSPC);
		assert_int_equal(b.size, ceilings[i] - 1);
		assert_int_equal(buffer_append(&b, text, 1), 0);
		assert_int_equal(b.size, ceilings[i]);
		assert_int_equal(buffer_append(&b, text, 1), -ENOSPC);
		buffer_check(&b);
		buffer_done(&b);
	}
}

static void test_sizes_do_not_wrap(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 1000);
	assert_int_equal(buffer_append(&b, "abc", 3), 0);
	assert_null(buffer_reserve(&b, SIZE_MAX));
	assert_null(buffer_reserve(&b, SIZE_MAX - 2));
	assert_int_equal(buffer_append(&b, "abc", SIZE_MAX), -ENOSPC);
	assert_true(bytes_are(buffer_bytes(&b), "abc"));
	buffer_done(&b);
}

static void test_printf_appends_or_does_not(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b, 12);
	assert_int_equal(buffer_printf(&b, "%s=%d", "a", 17), 0);
	assert_true(bytes_are(buffer_bytes(&b), "a=17"));
	assert_int_equal(buffer_printf(&b, "%s", "more than there is room"), -ENOSPC);
	assert_true(bytes_are(buffer_bytes(&b), "a=17"));
	assert_int_equal(buffer_printf(&b, "%s", ";b=1234"), 0);
	assert_true(bytes_are(buffer_bytes(&b), "a=17;b=1234"));
	buffer_done(&b);
}

static void test_slices_are_compared_by_content(void **state)
{
	(void)state;
	assert_true(bytes_are((struct bytes){ "abcd", 3 }, "abc"));
	assert_false(bytes_are((struct bytes){ "abcd", 4 }, "abc"));
	assert_false(bytes_are((struct bytes){ "abd", 3 }, "abc"));
	assert_true(bytes_are((struct bytes){ NULL, 0 }, ""));
	assert_false(bytes_equal((struct bytes){ "a\0b", 3 }, (struct bytes){ "a\0c", 3 }));
}

static void test_words_are_compared_without_case_and_blanks(void **state)
{
	(void)state;
	assert_true(bytes_same_word(bytes_of("Content-LENGTH"), bytes_of("content-length")));
	assert_false(bytes_same_word(bytes_of("gzip"), bytes_of("gzi")));
	assert_true(bytes_same_word((struct bytes){ NULL, 0 }, bytes_of("")));
	assert_true(bytes_are(bytes_trimmed(bytes_of(" \t a b\t ")), "a b"));
	assert_true(bytes_are(bytes_trimmed(bytes_of("\na")), "\na"));
	assert_int_equal(bytes_trimmed(bytes_of(" \t ")).size, 0);
	assert_int_equal(bytes_trimmed((struct bytes){ NULL, 0 }).size, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_appended_to_nothing),
		cmocka_unit_test(test_what_is_appended_is_there),
		cmocka_unit_test(test_a_line_is_copied_and_looked_through),
		cmocka_unit_test(test_a_ceiling_holds),
		cmocka_unit_test(test_sizes_do_not_wrap),
		cmocka_unit_test(test_printf_appends_or_does_not),
		cmocka_unit_test(test_slices_are_compared_by_content),
		cmocka_unit_test(test_words_are_compared_without_case_and_blanks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
