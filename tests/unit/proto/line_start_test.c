/*
 * Patterns against the C library's regular expressions, those that are refused, and the bound on what a line costs.
 */
#include "unit/unit.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "proto/line_start.h"

static const char *const patterns[] = { "a", "^a", "ab", "a|b", "(a|b)c", "a*b", "a+b", "ab?c", "(ab)+c", "(ab)*c",
	"(a|bc)*d", "a{2}b", "a{1,3}b", "a{2,}b", "(ab){2}c", "(a|b){2,3}c", "(a?b){2}c", "[a-c]d", "[^a]b", "[]a]b",
	"[a-]b", "(a(b(c|d)))a", "a.c", "(a|)b", "(a*b*)*c", "((a|b)?c){2}", "(a+b){2,}", "a(b|c|d)a", "(aa|a){3}b" };

/* All texts of that length over a few letters. */
static bool next_text(char *text, size_t size)
{
	static const char letters[] = "abcd]-";

	for (size_t i = 0; i < size; i++) {
		const char *at = strchr(letters, text[i]);
		if (at[1]) {
			text[i] = at[1];
			return true;
		}
		text[i] = 'a';
	}
	return false;
}

static void compare(const char *pattern, const struct line_start *s, const regex_t *regex)
{
	char text[8];

	for (size_t size = 1; size < 7; size++) {
		memset(text, 'a', size);
		text[size] = 0;
		do {
			bool is = line_start_is(s, (struct bytes){ text, size });
			if (is != (regexec(regex, text, 0, NULL, 0) == 0))
				fail_msg("%s %s %s", pattern, is ? "matches" : "does not match", text);
		} while (next_text(text, size));
	}
}

static void as_the_c_library_has_it(void **state)
{
	struct line_start s;
	regex_t regex;
	char whole[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(patterns); i++) {
		assert_null(line_start_compile(patterns[i], &s));
		snprintf(whole, sizeof whole, "^(%s)", patterns[i] + (*patterns[i] == '^'));
		assert_int_equal(regcomp(&regex, whole, REG_EXTENDED | REG_NOSUB), 0);
		compare(patterns[i], &s, &regex);
		regfree(&regex);
	}
}

static bool is(const char *pattern, const char *line)
{
	struct line_start s;
	const char *wrong = line_start_compile(pattern, &s);

	if (wrong)
		fail_msg("%s: %s", pattern, wrong);
	return line_start_is(&s, bytes_of(line));
}

static void what_users_write(void **state)
{
	(void)state;
	assert_true(is("^\\d{4}-\\d{2}-\\d{2}[ T]\\d{2}:\\d{2}", "2026-11-23 10:00 x"));
	assert_false(is("^\\d{4}-\\d{2}-\\d{2}[ T]\\d{2}:\\d{2}", "2026-11-23_10:00 x"));
	assert_true(is("(INFO|WARN|ERROR)\\s", "WARN x"));
	assert_false(is("(INFO|WARN|ERROR)\\s", "WARNING x"));
	assert_true(is("\\S", "x"));
	assert_false(is("\\S", "\tx"));
	assert_false(is("\\S", ""));
	assert_true(is("[^\\s}]", "x"));
	assert_false(is("[^\\s}]", "}"));
	assert_true(is("\\[\\w+\\]\\t", "[main]\tx"));
	assert_true(is("(?:<\\d+>)?[A-Z][a-z]{2} ", "<13>Nov 23"));
	assert_true(is("\\W\\D", "--"));
}

static const char *const refused[] = { "", "^", "a*", "a|", "(", ")", "(a", "a)", "[a", "[", "\\", "\\b", "\\1", "a**",
	"a*?", "*a", "{2}", "a{", "a{2", "a{3,2}", "a{65}", "a{0}", "(?=a)", "(?<n>a)", "a$", "a^", "[z-a]", "[\\d-z]",
	"[[:alpha:]]", "((((((((a))))))))", ".{65}", "(\\w{9}){9}", "a{,2}", "a{x}" };

static void what_is_refused(void **state)
{
	struct line_start s;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(refused); i++)
		if (!line_start_compile(refused[i], &s))
			fail_msg("%s passed", refused[i]);
}

/* What makes engines that go back take for ever, on a line that almost matches; and the reach. */
static void it_never_goes_back(void **state)
{
	static char line[1 << 20];
	struct line_start s;

	(void)state;
	memset(line, 'a', sizeof line);
	assert_null(line_start_compile("(a+)+(a|aa)+(a*)*(a*)*b", &s));
	for (int i = 0; i < 1000; i++)
		assert_false(line_start_is(&s, (struct bytes){ line, sizeof line }));
	line[LINE_START_REACH - 1] = 'b';
	assert_true(line_start_is(&s, (struct bytes){ line, sizeof line }));
	line[LINE_START_REACH - 1] = 'a';
	line[LINE_START_REACH] = 'b';
	assert_false(line_start_is(&s, (struct bytes){ line, sizeof line }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_c_library_has_it),
		cmocka_unit_test(what_users_write),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(it_never_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
