/*
 * The table of series that pages share, as it grows: what is in it is found at any time, and no item that is put in
 * moves more than a few others.
 */
#include "collectors/push_sum.h"

#include <stdio.h>

#include "unit/fake_host.h"
#include "unit/unit.h"

enum { SERIES = 20000, MEMORY = 64 << 20, MOVES_MAX = 8, LOOK_EACH = 97 };

static struct push_point point_of(size_t number, char key[32])
{
	size_t size = (size_t)snprintf(key, 32, "0series{n=\"%zu\"}", number);

	return (struct push_point){ .family = bytes_of("series"),
		.type = EXPOSITION_COUNTER,
		.mode = PUSH_SUM,
		.key = { key, size },
		.value = (double)number };
}

/* All so far, and none beyond. */
static void assert_found(const struct push_sum *s, size_t from, size_t count)
{
	char key[32];

	for (size_t i = from; i <= count; i += LOOK_EACH) {
		const struct push_total *t = push_sum_find(s, point_of(i, key).key);
		assert_int_equal(t != NULL, i < count);
		if (t)
			assert_true(push_total_value(t) == (double)i);
	}
}

static void it_grows_bit_by_bit(void **state)
{
	struct still_clock clock = STILL_CLOCK;
	struct host host = { .signals = SIGNAL_METRICS };
	struct push_sum s;
	struct loop *loop;
	size_t grown = 0;
	char key[32];

	(void)state;
	assert_int_equal(loop_new(&clock.clock, &loop), 0);
	fake_host_init(&host, loop, NULL, MEMORY);
	push_sum_init(&s, &host, 5);
	for (size_t i = 0; i < SERIES; i++) {
		struct push_point p = point_of(i, key);
		size_t room = s.wide.room, moved = s.moved;
		assert_int_equal(push_sum_add(&s, &p), PUSH_ADDED);
		if (s.wide.room > room)
			moved = 0;
		grown += s.wide.room > room;
		assert_true(s.moved - moved <= 2 * MOVES_MAX); /* a series, and its family */
		if (i % 101 == 0 || s.wide.room > room)
			assert_found(&s, i % LOOK_EACH, i + 1);
	}
	assert_true(grown > 5);
	assert_found(&s, 0, SERIES);
	push_sum_done(&s);
	assert_int_equal(budget_used(&host.budget), 0);
	fake_host_done(&host);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_bit_by_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
