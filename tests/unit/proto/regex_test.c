/*
 * Regular expressions: what is found, what is refused, and that a match that backtracks without end is given up.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/regex.h"

static struct regex *made(const char *pattern)
{
	char why[128] = "";
	struct regex *r;

	if (regex_new(pattern, why, sizeof why, &r))
		fail_msg("%s: %s", pattern, why);
	return r;
}

static void groups_are_found(void **state)
{
	struct regex *r = made("^(?P<app>[a-z]+)\\.(\\d+)?(x)?");
	struct bytes groups[REGEX_GROUPS_MAX];

	(void)state;
	assert_int_equal(regex_find(r, bytes_of("api.17.more"), groups), REGEX_YES);
	assert_true(bytes_are(groups[0], "api.17") && bytes_are(groups[1], "api") && bytes_are(groups[2], "17"));
	assert_null(groups[3].data);
	assert_null(groups[REGEX_GROUPS_MAX - 1].data);
	assert_int_equal(regex_find(r, bytes_of("17.api"), groups), REGEX_NO);
	assert_int_equal(regex_group(r, bytes_of("app")), 1);
	assert_int_equal(regex_group(r, bytes_of("0")), 0);
	assert_int_equal(regex_group(r, bytes_of("3")), 3);
	assert_int_equal(regex_group(r, bytes_of("4")), -1);
	assert_int_equal(regex_group(r, bytes_of("other")), -1);
	assert_int_equal(regex_group(r, bytes_of("a_name_that_is_longer_than_pcre_has_them")), -1);
	regex_free(r);
}

static void the_end_is_the_very_end(void **state)
{
	struct regex *r = made("a$");
	struct bytes groups[REGEX_GROUPS_MAX];

	(void)state;
	assert_int_equal(regex_find(r, bytes_of("ba"), groups), REGEX_YES);
	assert_int_equal(regex_find(r, bytes_of("ba\n"), groups), REGEX_NO);
	assert_int_equal(regex_find(r, (struct bytes){ "", 0 }, groups), REGEX_NO);
	regex_free(r);
}

static void what_is_no_pattern_is_refused(void **state)
{
	char many[4 * REGEX_GROUPS_MAX + 1] = "", why[128];
	struct regex *r = NULL;

	(void)state;
	assert_int_equal(regex_new("a(b", why, sizeof why, &r), -EINVAL);
	assert_non_null(strstr(why, "character 4"));
	assert_int_equal(regex_new("a\\Cb", why, sizeof why, &r), -EINVAL);
	for (int i = 0; i < REGEX_GROUPS_MAX; i++)
		memcpy(many + 3 * i, "(a)", 4);
	assert_int_equal(regex_new(many, why, sizeof why, &r), -EINVAL);
	assert_non_null(strstr(why, "32 groups"));
	assert_null(r);
	regex_free(NULL);
}

static void a_match_without_end_is_given_up(void **state)
{
	struct regex *r = made("^(a+)+$");
	struct bytes groups[REGEX_GROUPS_MAX];

	(void)state;
	assert_int_equal(regex_find(r, bytes_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), groups),
		REGEX_LIMIT);
	assert_int_equal(regex_find(r, bytes_of("aaaa"), groups), REGEX_YES);
	regex_free(r);
}

static void an_anchored_pattern_matches_all_of_a_text(void **state)
{
	struct bytes groups[REGEX_GROUPS_MAX];
	char why[128];
	struct regex *r = NULL;

	(void)state;
	assert_int_equal(regex_new_anchored("a|a(b.)", why, sizeof why, &r), 0);
	assert_int_equal(regex_find(r, bytes_of("ab\n"), groups), REGEX_YES);
	assert_true(bytes_are(groups[0], "ab\n") && bytes_are(groups[1], "b\n"));
	assert_int_equal(regex_find(r, bytes_of("a\n"), groups), REGEX_NO);
	assert_int_equal(regex_find(r, bytes_of("xa"), groups), REGEX_NO);
	regex_free(r);
	assert_int_equal(regex_new_anchored("a(", why, sizeof why, &r), -EINVAL);
	assert_non_null(strstr(why, "character 3"));
	assert_int_equal(regex_new_anchored("*", why, sizeof why, &r), -EINVAL);
	assert_non_null(strstr(why, "character 1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_are_found),
		cmocka_unit_test(the_end_is_the_very_end),
		cmocka_unit_test(what_is_no_pattern_is_refused),
		cmocka_unit_test(a_match_without_end_is_given_up),
		cmocka_unit_test(an_anchored_pattern_matches_all_of_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
