/*
 * What globs become: each list stands with what is made of it, in any order.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/tail/globs.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `wanted` is sorted, one behind the other with a space. */
static void becomes(const char *glob, const char *wanted)
{
	const struct option_list list = { .items = &glob, .count = 1 };
	struct option_list made;
	const char *sorted[TAIL_GLOBS_MAX];
	char text[4096] = "";
	size_t size = 0;

	assert_true(tail_globs_expand(&list, &made));
	for (size_t i = 0; i < made.count; i++)
		sorted[i] = made.items[i];
	qsort(sorted, made.count, sizeof *sorted, by_text);
	for (size_t i = 0; i < made.count; i++)
		size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", i ? " " : "", sorted[i]);
	assert_string_equal(text, wanted);
	tail_globs_free(&made);
}

static void test_what_is_left_as_it_is(void **state)
{
	static const char *const globs[] = { "/a/*.log", "", "/a/{b}/c", "/a/{b", "/a/b}", "/a/\\{b,c\\}", "/a**/b",
		"/a/b**", "/a/{b\\,c}" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(globs); i++)
		becomes(globs[i], globs[i]);
}

static void test_braces(void **state)
{
	(void)state;
	becomes("/a/{b,c}.log", "/a/b.log /a/c.log");
	becomes("/{a,b}/{c,d}", "/a/c /a/d /b/c /b/d");
	becomes("/a/{b,c{d,e}}", "/a/b /a/cd /a/ce");
	becomes("/a{,.old}", "/a /a.old");
	becomes("/a{b,{c}}", "/ab /a{c}");
}

static void test_folders_of_any_depth(void **state)
{
	(void)state;
	becomes("/a/**/b", "/a/*/*/*/*/*/*/*/*/b /a/*/*/*/*/*/*/*/b /a/*/*/*/*/*/*/b /a/*/*/*/*/*/b /a/*/*/*/*/b "
			   "/a/*/*/*/b /a/*/*/b /a/*/b /a/b");
	becomes("/a/**", "/a/* /a/*/* /a/*/*/* /a/*/*/*/* /a/*/*/*/*/* /a/*/*/*/*/*/* /a/*/*/*/*/*/*/* "
			 "/a/*/*/*/*/*/*/*/* /a/*/*/*/*/*/*/*/*/*");
}

static void test_too_many(void **state)
{
	const char *deep[] = { "/**/a/**/b/**/c", "/{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}" };
	struct option_list made;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(deep); i++)
		assert_false(tail_globs_expand(&(struct option_list){ .items = &deep[i], .count = 1 }, &made));
	assert_true(tail_globs_expand(NULL, &made) && made.count == 0);
	tail_globs_free(&made);
}

static bool is_idle(const char *exclude, const char *path)
{
	const struct option_list list = { .items = &exclude, .count = 1 }, paths = { .items = &path, .count = 1 };
	struct option_list made;
	bool idle;

	assert_true(tail_globs_expand(&paths, &made));
	idle = tail_globs_idle_exclude(&list, &made) != NULL;
	tail_globs_free(&made);
	return idle;
}

static void test_excludes_that_can_match_nothing(void **state)
{
	static const char *const fine[][2] = {
		{ "*.skip", "/a/*" },
		{ "a.log", "/a/*.log" },
		{ "/a/b*", "/a/*.log" },
		{ "/a/b.log", "/a/*.log" },
		{ "/**/skip/*", "/a/*/b" },
		{ "/a/{b,x}/*", "/a/b/*.log" },
		{ "b/*", "b/c" },
		{ "/a/\\b.log", "/a/b.log" },
		{ "/*/b.log", "/**/b.log" },
		{ "[ab].log", "a.log" },
	};
	static const char *const wrong[][2] = {
		{ "", "/a/*" },
		{ "a/*.log", "/a/*.log" },
		{ "/a/", "/a/*" },
		{ "/a", "/a/*" },
		{ "/a/*/*", "/a/*" },
		{ "/b/*", "/a/*" },
		{ "*.skip", "/a/b.log" },
		{ "/a/*.txt", "/a/b.log" },
		{ "./a/*", "/a/*" },
		{ "*/b.log", "/a/b.log" },
		{ "b.txt", "/a/*.log" },
		{ "/a/{b,c}", "/a/d/*" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fine); i++)
		assert_false(is_idle(fine[i][0], fine[i][1]));
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		assert_true(is_idle(wrong[i][0], wrong[i][1]));
}

static void test_paths_of_folders(void **state)
{
	static const char *const wrong[] = { "/a/", "", "/a/.", "..", "/a/{b/,c/}" };
	static const char *const fine[] = { "/a/**", "a", "/a/{b/,c}", "/a/..b" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		assert_non_null(tail_globs_idle_path(&(struct option_list){ .items = &wrong[i], .count = 1 }));
	for (size_t i = 0; i < COUNT_OF(fine); i++)
		assert_null(tail_globs_idle_path(&(struct option_list){ .items = &fine[i], .count = 1 }));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_left_as_it_is),
		cmocka_unit_test(test_braces),
		cmocka_unit_test(test_folders_of_any_depth),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_excludes_that_can_match_nothing),
		cmocka_unit_test(test_paths_of_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
