/*
 * Arrays that grow by doubling: what is in them stays, they grow seldom, and what cannot be had changes nothing.
 */
#include "unit/unit.h"

#include <stdlib.h>

#include "base/base.h"

static void test_what_is_there_stays(void **state)
{
	size_t room = 0, moves = 0;
	uint64_t *numbers = NULL;

	(void)state;
	for (size_t i = 0; i < 10000; i++) {
		size_t before = room;
		uint64_t *grown = oxp_grow(numbers, &room, i + 1, sizeof *numbers);
		assert_non_null(grown);
		assert_true(room > i);
		assert_true(before <= i || grown == numbers);
		moves += room != before;
		numbers = grown;
		numbers[i] = i;
	}
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(numbers[i], i);
	assert_in_range(moves, 1, 14);
	free(numbers);
}

static void test_many_at_once(void **state)
{
	size_t room = 0;
	char *bytes = oxp_grow(NULL, &room, 1000, 1);

	(void)state;
	assert_non_null(bytes);
	assert_int_equal(room, 1024);
	assert_ptr_equal(oxp_grow(bytes, &room, 1024, 1), bytes);
	assert_int_equal(room, 1024);
	assert_null(oxp_grow(NULL, &(size_t){ 0 }, 0, 1));
	free(bytes);
}

static void test_what_cannot_be_had_changes_nothing(void **state)
{
	size_t room = 0;
	uint64_t *numbers = oxp_grow(NULL, &room, 1, sizeof *numbers);

	(void)state;
	numbers[0] = 7;
	assert_null(oxp_grow(numbers, &room, SIZE_MAX, sizeof *numbers));
	assert_null(oxp_grow(numbers, &room, SIZE_MAX / 4, sizeof *numbers));
	assert_int_equal(room, 4);
	assert_int_equal(numbers[0], 7);
	free(numbers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_there_stays),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_what_cannot_be_had_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
