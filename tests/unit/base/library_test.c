/*
 * A library that is loaded when it is needed: all functions of it are found, or none is set and the reason told.
 */
#include "unit/unit.h"

#include <errno.h>
#include <string.h>

#include "base/library.h"

static void test_its_functions_can_be_called(void **state)
{
	double (*cosine)(double) = NULL;
	const struct library_function functions[] = { { "cos", &cosine } };
	char why[200];

	(void)state;
	assert_int_equal(library_load("libm.so.6", functions, 1, why, sizeof why), 0);
	assert_true(cosine(0) == 1);
}

static void test_what_is_missing_is_told(void **state)
{
	void (*set)(void) = NULL, (*unset)(void) = NULL;
	const struct library_function functions[] = { { "cos", &set }, { "no_such_function", &unset } };
	char why[200];

	(void)state;
	assert_int_equal(library_load("libm.so.6", functions, 2, why, sizeof why), -ENOENT);
	assert_string_equal(why, "libm.so.6 has no no_such_function()");
	assert_true(!set && !unset);
	assert_int_equal(library_load("libnosuch.so.9", functions, 2, why, sizeof why), -ENOENT);
	assert_non_null(strstr(why, "libnosuch.so.9"));
	assert_int_equal(library_load("libnosuch.so.9", functions, 2, why, 5), -ENOENT);
	assert_int_equal(strlen(why), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_its_functions_can_be_called),
		cmocka_unit_test(test_what_is_missing_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
