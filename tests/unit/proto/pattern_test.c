/* Patterns of `where`: what fits, what does not, and what is no pattern. */
#include "proto/pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* As it is defined: each * is tried for every length. */
static bool is_like(const char *text, const char *glob)
{
	if (!*glob)
		return !*text;
	if (*glob == '*')
		return is_like(text, glob + 1) || (*text && is_like(text + 1, glob));
	return *text == *glob && is_like(text + 1, glob + 1);
}

static size_t word(unsigned number, const char *letters, size_t count, char *to)
{
	size_t size = 0;

	for (; number > 0; number /= (unsigned)count + 1)
		if (number % (count + 1) > 0)
			to[size++] = letters[number % (count + 1) - 1];
	to[size] = '\0';
	return size;
}

/* All patterns of up to five letters and stars, and all texts of up to six. */
static void stars_fit_as_they_are_defined(void **unused)
{
	char glob[8], text[8];
	struct pattern p;

	(void)unused;
	for (unsigned g = 1; g < 1024; g++) {
		if (word(g, "ab*", 3, glob) == 0 || pattern_read(&p, glob) < 0)
			continue;
		for (unsigned t = 0; t < 729; t++) {
			struct bytes whole = { text, word(t, "ab", 2, text) };
			if (pattern_fits_text(&p, whole) != is_like(text, glob))
				fail_msg("%s and %s", glob, text);
		}
	}
}

/* 8 MiB that nearly fit, which an app may send as one attribute; 4 ns a byte here, and 233 when each byte was compared
 * with as much of the pattern as fitted. CPU time: others may run meanwhile. */
static void a_hostile_text_takes_no_long_time(void **unused)
{
	enum { SIZE = 8 << 20, NS_PER_BYTE = 40 };
	static const char *const patterns[] = { "*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab*", "*a*a*a*a*a*a*a*a*b" };
	struct timespec begun, ended;
	char *text = oxp_new(SIZE);
	struct pattern p;

	(void)unused;
	memset(text, 'a', SIZE);
	for (size_t i = 0; i < COUNT_OF(patterns); i++) {
		assert_int_equal(pattern_read(&p, patterns[i]), 0);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
		assert_false(pattern_fits_text(&p, (struct bytes){ text, SIZE }));
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
		assert_true((ended.tv_sec - begun.tv_sec) * 1000000000 + ended.tv_nsec - begun.tv_nsec <
			    (int64_t)NS_PER_BYTE * SIZE);
	}
	free(text);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_fits_or_does_not),
		cmocka_unit_test(stars_fit_as_they_are_defined),
		cmocka_unit_test(a_hostile_text_takes_no_long_time),
		cmocka_unit_test(a_number_fits_or_does_not),
		cmocka_unit_test(what_is_no_pattern_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
