/*
 * The window: it grows while answers come fast, halves with a refusal, shrinks when the peer only queues.
 */
#include "unit/unit.h"

#include "pipeline/window.h"

static void grows_by_one_a_round(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 8);
	assert_int_equal(window_size(&w), 2);
	for (size_t size = 2; size < 8; size++) {
		for (size_t i = 0; i <= size; i++) /* a round, and the rest that rounding left */
			window_took(&w, DURATION_MS(50), true);
		assert_int_equal(window_size(&w), size + 1);
	}
	for (int i = 0; i < 100; i++)
		window_took(&w, DURATION_MS(50), true);
	assert_int_equal(window_size(&w), 8);
}

static void what_goes_alone_says_nothing(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 8);
	for (int i = 0; i < 100; i++)
		window_took(&w, DURATION_MS(1), false);
	assert_int_equal(window_size(&w), 2);
	assert_true(w.best_ms == 0);
}

static void a_refusal_halves_it(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 16);
	for (int i = 0; i < 1000; i++)
		window_took(&w, DURATION_MS(50), true);
	window_refused(&w, false);
	assert_int_equal(window_size(&w), 8);
	for (int i = 0; i < 10; i++)
		window_refused(&w, false);
	assert_int_equal(window_size(&w), 1);
	assert_true(window_part(&w) == 1);
	window_took(&w, DURATION_MS(50), true);
	assert_int_equal(window_size(&w), 2);
}

/* Of who refuses again and again only a part of a batch is asked; it opens to one before there are two. */
static void below_one_it_is_a_part_of_a_batch(void **state)
{
	struct window w;
	int answers = 0;

	(void)state;
	window_init(&w, 16);
	for (int i = 0; i < 100; i++)
		window_refused(&w, true);
	assert_int_equal(window_size(&w), 1);
	assert_true(window_part(&w) == 1.0 / WINDOW_PARTS);
	for (int i = 0; i < 6; i++, window_took(&w, DURATION_MS(900), true))
		assert_true(window_part(&w) == (1 << i) / (double)WINDOW_PARTS);
	assert_true(window_part(&w) == 1 && window_size(&w) == 1);
	window_took(&w, DURATION_MS(900), true);
	assert_int_equal(window_size(&w), 2);
	for (int i = 0; i < 100; i++)
		window_refused(&w, true);
	for (; window_part(&w) < 1; answers++) /* of a server that has enough to do */
		window_took(&w, DURATION_MS(1500), true);
	assert_in_range(answers, 40, 50);
}

static void a_peer_that_only_queues_gets_less(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 16);
	for (int i = 0; i < 20; i++)
		window_took(&w, DURATION_MS(50), true);
	assert_int_equal(window_size(&w), 6);
	for (int i = 0; i < 60; i++)
		window_took(&w, DURATION_MS(400), true);
	assert_int_equal(window_size(&w), 2);
	window_refused(&w, false);
	assert_int_equal(window_size(&w), 1);
	for (int i = 0; i < 1000; i++) /* what was fast once is forgotten: this peer is just slow */
		window_took(&w, DURATION_MS(400), true);
	assert_int_equal(window_size(&w), 16);
}

static void bounds(void **state)
{
	struct window w;

	(void)state;
	window_init(&w, 1);
	assert_int_equal(window_size(&w), 1);
	for (int i = 0; i < 10; i++)
		window_took(&w, DURATION_MS(1), true);
	assert_int_equal(window_size(&w), 1);
	window_init(&w, 0);
	assert_int_equal(window_size(&w), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_by_one_a_round),
		cmocka_unit_test(what_goes_alone_says_nothing),
		cmocka_unit_test(a_refusal_halves_it),
		cmocka_unit_test(below_one_it_is_a_part_of_a_batch),
		cmocka_unit_test(a_peer_that_only_queues_gets_less),
		cmocka_unit_test(bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
