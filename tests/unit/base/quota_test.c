/*
 * Bytes that several users share: whoever holds more than an even part is over once all hold too much.
 */
#include "unit/unit.h"

#include "base/quota.h"

static void test_one_user_has_all_of_it(void **state)
{
	struct quota q;
	struct quota_user a;

	(void)state;
	quota_init(&q, 100);
	quota_join(&q, &a, 10);
	quota_change(&a, 0, 100);
	assert_false(quota_is_over(&a));
	quota_change(&a, 40, 41);
	assert_true(quota_is_over(&a));
	quota_change(&a, 101, 0);
	assert_true(q.held == 0 && !quota_is_over(&a));
	quota_leave(&a);
}

static void test_what_one_holds_takes_nothing_from_the_part_of_another(void **state)
{
	struct quota q;
	struct quota_user a, b;

	(void)state;
	quota_init(&q, 100);
	quota_join(&q, &a, 10);
	quota_join(&q, &b, 10);
	quota_change(&a, 0, 90);
	quota_change(&b, 0, 50);
	assert_true(quota_is_over(&a) && !quota_is_over(&b));
	quota_change(&b, 0, 1);
	assert_true(quota_is_over(&b)); /* beyond its part */
	quota_change(&a, 90, 20);
	assert_false(quota_is_over(&b)); /* others leave it */
	quota_change(&a, 20, 0);
	quota_leave(&a);
	quota_leave(&a);
	assert_int_equal(quota_part(&b, 64), 64);
	quota_change(&b, 51, 0);
	quota_leave(&b);
}

static void test_there_is_room_for_the_largest_that_one_may_need(void **state)
{
	struct quota q;
	struct quota_user a;

	(void)state;
	quota_init(&q, 100);
	quota_join(&q, &a, 300);
	quota_change(&a, 0, 300);
	assert_false(quota_is_over(&a));
	quota_change(&a, 300, 0);
	quota_leave(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_user_has_all_of_it),
		cmocka_unit_test(test_what_one_holds_takes_nothing_from_the_part_of_another),
		cmocka_unit_test(test_there_is_room_for_the_largest_that_one_may_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
