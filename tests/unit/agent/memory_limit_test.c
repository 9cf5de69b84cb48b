/*
 * What the agent may hold of telemetry under the limit of its container.
 */
#include "unit/unit.h"

#include "memory_limit.h"

#define MIB (UINT64_C(1) << 20)

static void test_without_a_limit_it_is_what_was_configured(void **state)
{
	(void)state;
	assert_int_equal(memory_within(32 * MIB, UINT64_MAX), 32 * MIB);
	assert_int_equal(memory_within(1 * MIB, UINT64_MAX), 1 * MIB);
	assert_int_equal(memory_within(4096 * MIB, UINT64_MAX), 4096 * MIB);
}

static void test_a_container_leaves_half_or_all_but_what_the_process_needs(void **state)
{
	(void)state;
	assert_int_equal(memory_within(32 * MIB, 64 * MIB), 32 * MIB);
	assert_int_equal(memory_within(64 * MIB, 64 * MIB), 32 * MIB); /* half */
	assert_int_equal(memory_within(32 * MIB, 36 * MIB), 14 * MIB); /* all but 22 MiB */
	assert_int_equal(memory_within(32 * MIB, 32 * MIB), 10 * MIB); /* that, and five sixteenths, are 10 */
}

static void test_five_sixteenths_are_left_in_any_container(void **state)
{
	(void)state;
	assert_int_equal(memory_within(32 * MIB, 24 * MIB), 15 * MIB / 2);
	assert_int_equal(memory_within(32 * MIB, 16 * MIB), 5 * MIB);
}

static void test_there_is_a_least_but_never_more_than_configured(void **state)
{
	(void)state;
	assert_int_equal(memory_within(32 * MIB, 1 * MIB), 2 * MIB);
	assert_int_equal(memory_within(32 * MIB, 0), 2 * MIB);
	assert_int_equal(memory_within(1 * MIB, 0), 1 * MIB);
	assert_int_equal(memory_within(8 * MIB, 32 * MIB), 8 * MIB);
}

static void test_what_is_left_beside_it_is_shared_out(void **state)
{
	(void)state;
	assert_int_equal(memory_beside(32 * MIB, UINT64_MAX), 0);
	assert_int_equal(memory_of_listener(memory_beside(32 * MIB, UINT64_MAX)), 0); /* no limit */
	assert_int_equal(memory_beside(10 * MIB, 32 * MIB), 22 * MIB);
	assert_int_equal(memory_beside(15 * MIB / 2, 24 * MIB), 33 * MIB / 2);
	assert_int_equal(memory_of_listener(24 * MIB), 4 * MIB);
	assert_true(memory_of_listener(memory_beside(2 * MIB, 1 * MIB)) > 0); /* a limit, however small */
}

static void test_free_memory_is_kept_where_the_container_leaves_it(void **state)
{
	(void)state;
	assert_int_equal(memory_kept(32 * MIB, memory_beside(32 * MIB, UINT64_MAX)), 32 * MIB);
	assert_int_equal(memory_kept(32 * MIB, memory_beside(32 * MIB, 256 * MIB)), 32 * MIB);
	assert_int_equal(memory_kept(32 * MIB, memory_beside(32 * MIB, 64 * MIB)), 10 * MIB);
	assert_int_equal(memory_kept(10 * MIB, memory_beside(10 * MIB, 32 * MIB)), 0);
	assert_int_equal(memory_kept(2 * MIB, memory_beside(2 * MIB, 1 * MIB)), 0);
	assert_int_equal(memory_kept(1024 * MIB, memory_beside(1024 * MIB, UINT64_MAX)), 64 * MIB);
}

static void test_a_line_may_take_a_sixteenth(void **state)
{
	(void)state;
	assert_int_equal(memory_line_max(256 * MIB), 16 * MIB);
	assert_int_equal(memory_line_max(32 * MIB), 2 * MIB);
	assert_int_equal(memory_line_max(9 * MIB), 1 * MIB);
	assert_int_equal(memory_line_max(2 * MIB), 1 * MIB);
	for (uint64_t line = 1 * MIB; line <= 16 * MIB; line += 1000 * 1000)
		assert_true(memory_line_max(memory_for_line(line)) == line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_limit_it_is_what_was_configured),
		cmocka_unit_test(test_a_container_leaves_half_or_all_but_what_the_process_needs),
		cmocka_unit_test(test_five_sixteenths_are_left_in_any_container),
		cmocka_unit_test(test_what_is_left_beside_it_is_shared_out),
		cmocka_unit_test(test_free_memory_is_kept_where_the_container_leaves_it),
		cmocka_unit_test(test_there_is_a_least_but_never_more_than_configured),
		cmocka_unit_test(test_a_line_may_take_a_sixteenth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
