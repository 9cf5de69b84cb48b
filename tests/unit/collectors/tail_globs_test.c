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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_left_as_it_is),
		cmocka_unit_test(test_braces),
		cmocka_unit_test(test_folders_of_any_depth),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
