/*
 * How much free memory is kept: little at rest, as much as comes in a second at most times, and never more than it may.
 * What the allocator makes of that is not seen here, since the sanitizers have one of their own.
 */
#include "unit/unit.h"

#include "base/trim.h"

enum { MIB = 1 << 20, REST = 2 * MIB, MOST = 32 * MIB, CALM = 8, TURNS_A_SECOND = 1000 / TRIM_TURN_MS };

static void it_follows_what_comes(void **state)
{
	uint64_t taken = 0;
	struct trim t;

	(void)state;
	trim_init(&t, MOST);
	trim_turn(&t, taken);
	assert_int_equal(t.kept, REST);
	trim_turn(&t, taken += 4 * MIB / TURNS_A_SECOND);
	assert_int_equal(t.kept, 4 * MIB);
	trim_turn(&t, taken += 500 * (uint64_t)MIB);
	assert_int_equal(t.kept, MOST);
	trim_turn(&t, taken += 8 * (uint64_t)(4ull << 30)); /* more than a size of 32 bits holds */
	assert_int_equal(t.kept, MOST);
}

static void it_falls_in_steps_to_what_it_is_at_rest(void **state)
{
	uint64_t taken = 100 * MIB;
	size_t before, turns = 0;
	struct trim t;

	(void)state;
	trim_init(&t, MOST);
	trim_turn(&t, taken);
	for (unsigned i = 0; i < CALM - 1; i++) {
		trim_turn(&t, taken);
		assert_int_equal(t.kept, MOST);
	}
	for (; t.kept > REST; turns++) {
		before = t.kept;
		trim_turn(&t, taken += MIB / 100);
		assert_true(t.kept < before && before - t.kept <= 4 * MIB);
	}
	assert_int_equal(t.kept, REST);
	assert_int_equal(turns, 8);
	trim_turn(&t, taken);
	assert_int_equal(t.kept, REST);
}

/* Each fall gives back memory that is taken again when more comes. */
static void ups_and_downs_change_nothing(void **state)
{
	uint64_t taken = 0;
	struct trim t;

	(void)state;
	trim_init(&t, MOST);
	for (unsigned i = 0; i < 100; i++) {
		trim_turn(&t, taken += i % CALM == 0 ? 5 * MIB : MIB);
		assert_int_equal(t.kept, 5 * MIB * TURNS_A_SECOND);
	}
}

static void without_room_for_it_nothing_more_is_kept(void **state)
{
	struct trim t;

	(void)state;
	trim_init(&t, 0);
	trim_turn(&t, 100 * MIB);
	assert_int_equal(t.kept, REST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_follows_what_comes),
		cmocka_unit_test(it_falls_in_steps_to_what_it_is_at_rest),
		cmocka_unit_test(ups_and_downs_change_nothing),
		cmocka_unit_test(without_room_for_it_nothing_more_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
