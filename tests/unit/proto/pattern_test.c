/* Patterns of `where`: what fits, what does not, and what is no pattern. */
#include "proto/pattern.h"

#include <errno.h>

#include "unit/unit.h"

static void a_text_fits_or_does_not(void **unused)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} rows[] = {
		{ "a", "a", true },
		{ "a", "A", false },
		{ "a", "ab", false },
		{ "a|b", "b", true },
		{ "a|b", "a|b", false },
		{ "*", "", true },
		{ "*", "x", true },
		{ "a*", "a", true },
		{ "a*c", "abbc", true },
		{ "a*c", "abcb", false },
		{ "*b*", "abc", true },
		{ "a*b*c", "aXbYbZc", true },
		{ "**a", "bba", true },
		{ "a|", "", true },
		{ "x|GET *", "GET /", true },
		{ "!a", "a", false },
		{ "!a|b", "b", false },
		{ "!a", "b", true },
		{ ">5", "6", true },
		{ ">5", "5", false },
		{ ">=5", "5", true },
		{ "<5", "4.5", true },
		{ "<=5", "5.1", false },
		{ ">5", "x", false },
		{ "!>5", "x", true },
		{ ">5", "", false },
		{ ">5", "6ms", false },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct pattern p;
		assert_int_equal(pattern_read(&p, rows[i].pattern), 0);
		if (pattern_fits_text(&p, bytes_of(rows[i].text)) != rows[i].fits)
			fail_msg("%s and %s", rows[i].pattern, rows[i].text);
	}
}

static void a_number_fits_or_does_not(void **unused)
{
	static const struct {
		const char *pattern;
		double number;
		bool fits;
	} rows[] = {
		{ "500", 500, true },
		{ "5*", 500, true },
		{ "-1", -1, true },
		{ "0.5", 0.5, true },
		{ ">=500", 500, true },
		{ ">=500", 499, false },
		{ ">250ms", 250e6, false },
		{ ">250ms", 251e6, true },
		{ "<1.5s", 1e9, true },
		{ ">=1m", 60e9, true },
		{ "<=1h", 3600e9, true },
		{ "<10us", 9999, true },
		{ "!<10us", 9999, false },
		{ "1000000000000", 1e12, true },
	};

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct pattern p;
		assert_int_equal(pattern_read(&p, rows[i].pattern), 0);
		if (pattern_fits_number(&p, rows[i].number) != rows[i].fits)
			fail_msg("%s and %g", rows[i].pattern, rows[i].number);
	}
}

static void what_is_no_pattern_is_refused(void **unused)
{
	static const char *const texts[] = { "", "!", ">", ">=", "<x", ">5 ms", "> 5", ">5d", ">nan", ">inf" };
	struct pattern p;

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_int_equal(pattern_read(&p, texts[i]), -EINVAL);
}

/* Many stars and a long text that nearly fits. */
static void a_hostile_text_takes_no_long_time(void **unused)
{
	static char text[1 << 16];
	struct pattern p;

	(void)unused;
	memset(text, 'a', sizeof text - 1);
	assert_int_equal(pattern_read(&p, "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"), 0);
	assert_false(pattern_fits_text(&p, bytes_of(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_fits_or_does_not),
		cmocka_unit_test(a_number_fits_or_does_not),
		cmocka_unit_test(what_is_no_pattern_is_refused),
		cmocka_unit_test(a_hostile_text_takes_no_long_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
