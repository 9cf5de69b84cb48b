/*
 * Names of indices and patterns with a date: what passes, what does not and why, and what becomes of them.
 */
#include "unit/unit.h"

#include <string.h>

#include "proto/index_name.h"

enum { MOMENT = 1795409106 }; /* 2026-11-23T04:45:06Z */

static const struct {
	const char *pattern, *at, *any;
} fine[] = {
	{ "logs", "logs", "logs" },
	{ "logs-app-default", "logs-app-default", "logs-app-default" },
	{ "logs-%{+yyyy.MM.dd}", "logs-2026.11.23", "logs-*.*.*" },
	{ "%{+yyyy}", "2026", "*" },
	{ "a-%{+yyyy-MM-dd_HH}-b", "a-2026-11-23_04-b", "a-*-*-*_*-b" },
	{ "a-%{+yyyy}.%{+MM}", "a-2026.11", "a-*.*" },
	{ "yyyy", "yyyy", "yyyy" },
};

static const struct {
	const char *pattern, *word;
} wrong[] = {
	{ "", "empty" },
	{ "Logs", "upper-case" },
	{ "_logs", "begins" },
	{ "-a", "begins" },
	{ ".ds-logs", "begins" },
	{ "a/b", "upper-case" },
	{ "a\"b", "upper-case" },
	{ "a\\b", "upper-case" },
	{ "a b", "space" },
	{ "a\nb", "control" },
	{ "a*", "upper-case" },
	{ "a%20b", "logs-%{+yyyy.MM.dd}" },
	{ "logs-%Y.%m.%d", "logs-%{+yyyy.MM.dd}" },
	{ "logs-{yyyy.MM.dd}", "logs-%{+yyyy.MM.dd}" },
	{ "<logs-{now/d}>", "logs-%{+yyyy.MM.dd}" },
	{ "logs-%{+yyyy.MM.dd", "does not end" },
	{ "logs-%{+}", "empty" },
	{ "logs-%{+YYYY.MM.dd}", "made of" },
	{ "logs-%{+yyyy.MM.dd mm}", "made of" },
	{ "logs-%{+yyyy\"}", "made of" },
	{ "logs-%{yyyy}", "logs-%{+yyyy.MM.dd}" },
	{ "Logs-%{+yyyy}", "upper-case" },
	{ "%{+.yyyy}", "begins" },
};

static void patterns(void **state)
{
	char name[INDEX_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fine); i++) {
		assert_null(index_pattern_wrong(fine[i].pattern));
		assert_int_equal(index_pattern_at(fine[i].pattern, MOMENT, name), strlen(fine[i].at));
		assert_string_equal(name, fine[i].at);
		assert_null(index_name_wrong(name));
		assert_int_equal(index_pattern_any(fine[i].pattern, name), strlen(fine[i].any));
		assert_string_equal(name, fine[i].any);
		assert_int_equal(index_pattern_dated(fine[i].pattern), strcmp(fine[i].pattern, fine[i].at) != 0);
	}
}

static void what_is_no_pattern(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		const char *why = index_pattern_wrong(wrong[i].pattern);
		if (!why || !strstr(why, wrong[i].word))
			fail_msg("\"%s\": %s", wrong[i].pattern, why ? why : "passed");
	}
}

static void lengths(void **state)
{
	char name[INDEX_NAME_MAX + 2];

	(void)state;
	memset(name, 'a', sizeof name);
	name[INDEX_NAME_MAX] = '\0';
	assert_null(index_name_wrong(name));
	assert_null(index_pattern_wrong(name));
	name[INDEX_NAME_MAX] = 'a';
	name[INDEX_NAME_MAX + 1] = '\0';
	assert_non_null(index_name_wrong(name));
	assert_non_null(index_pattern_wrong(name));
}

/* The edges of days and of what a clock can show. */
static void moments(void **state)
{
	char name[INDEX_NAME_MAX + 1];
	const struct {
		int64_t at;
		const char *name;
	} edges[] = { { 0, "1970.01.01.00" }, { -1, "1969.12.31.23" }, { 1795391999, "2026.11.22.23" },
		{ 1795392000, "2026.11.23.00" }, { 951782400, "2000.02.29.00" } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(edges); i++) {
		index_pattern_at("%{+yyyy.MM.dd.HH}", edges[i].at, name);
		assert_string_equal(name, edges[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test(what_is_no_pattern),
		cmocka_unit_test(lengths),
		cmocka_unit_test(moments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
