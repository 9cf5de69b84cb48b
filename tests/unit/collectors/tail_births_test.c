/* The order of births, whatever is done to the clock. Moments are given in hours of the time that really goes by. */
#include "unit/unit.h"

#include <string.h>

#include "collectors/tail/births.h"

#define HOUR DURATION_S(3600).ns

enum { AT = 400000 /* hours since 1970, at the beginning */ };

struct bench {
	struct tail_births births;
	int64_t gone, set; /* hours: gone by, and by how much the clock was set */
};

static struct wall_time now(const struct bench *b)
{
	return (struct wall_time){ (AT + b->gone + b->set) * HOUR };
}

static struct mono_time mono(const struct bench *b)
{
	return (struct mono_time){ (b->gone + 1) * HOUR };
}

static void look(struct bench *b)
{
	tail_births_look(&b->births, now(b), mono(b));
}

static void wait_hours(struct bench *b, int64_t hours)
{
	b->gone += hours;
	look(b);
}

static void set_clock(struct bench *b, int64_t hours)
{
	b->set += hours;
	look(b);
}

static int64_t order(const struct bench *b, int64_t birth)
{
	return tail_births_order(&b->births, mono(b), birth);
}

static struct bench begun(void)
{
	struct bench b = { .gone = 0 };

	look(&b);
	return b;
}

/* One file an hour; each is newer than those before it, asked at once and as long as no moment is shown twice. */
static void assert_ascend(struct bench *b, const int64_t *sets, size_t count)
{
	int64_t births[16];
	size_t born = 0;

	for (size_t i = 0; i < count; i++) {
		births[born++] = now(b).ns;
		wait_hours(b, 1);
		set_clock(b, sets[i]);
		births[born++] = now(b).ns;
		for (size_t j = 1; j < born; j++)
			assert_true(order(b, births[j - 1]) < order(b, births[j]));
		wait_hours(b, 1);
	}
}

static void births_ascend_whatever_is_done_to_the_clock(void **state)
{
	static const int64_t lives[][4] = { { 0, 0, 0, 0 }, { -72, -48, -24, -12 }, { 72, -48, 24, -24 },
		{ -72, 72, -72, 72 }, { 72, 72, -300, 10 }, { -399000, 399000, -399000, 399000 } };

	(void)state;
	for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
		struct bench b = begun();
		assert_ascend(&b, lives[i], 4);
	}
}

static void a_clock_that_nobody_sets_changes_nothing(void **state)
{
	struct bench b = begun();

	(void)state;
	wait_hours(&b, 100);
	assert_int_equal(order(&b, 5), 5);
	assert_int_equal(order(&b, 0), 0);
	assert_int_equal(order(&b, INT64_MAX), INT64_MAX);
	assert_int_equal(tail_births_since(&b.births, mono(&b), now(&b).ns - HOUR).ns, HOUR);
}

/* As one that is slewed, or that was looked at late. */
static void a_clock_that_is_a_little_off_was_not_set(void **state)
{
	struct bench b = begun();

	(void)state;
	for (int64_t i = 1; i < 20; i++) {
		struct wall_time shown = { now(&b).ns + (i % 2 ? 1 : -1) * DURATION_MS(400).ns };
		assert_false(tail_births_look(&b.births, shown, mono(&b)));
	}
	assert_int_equal(order(&b, now(&b).ns), now(&b).ns);
}

/* Of the newest age that has it. */
static void what_is_shown_twice_is_newer(void **state)
{
	struct bench b = begun();
	int64_t before = now(&b).ns - 10 * HOUR;

	(void)state;
	set_clock(&b, -72);
	assert_true(order(&b, before) < order(&b, now(&b).ns));
	wait_hours(&b, 71);
	assert_true(order(&b, before) > order(&b, now(&b).ns - 60 * HOUR));
}

/* File systems take births from a clock that stands still for some milliseconds. */
static void what_is_born_once_a_clock_was_set_may_seem_older_than_that(void **state)
{
	static const int64_t sets[] = { 72, -72, 6, -6, 1, -1 };

	(void)state;
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		struct bench b = begun();
		int64_t before = now(&b).ns;
		set_clock(&b, sets[i]);
		assert_true(order(&b, before) < order(&b, now(&b).ns - DURATION_MS(TAIL_BIRTH_STEP_MS - 1).ns));
	}
}

static void the_time_since_is_that_which_went_by(void **state)
{
	static const int64_t sets[] = { 72, -72, 1, -1 };

	(void)state;
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		struct bench b = begun();
		int64_t then = now(&b).ns;
		set_clock(&b, sets[i]);
		assert_int_equal(tail_births_since(&b.births, mono(&b), then).ns, 0);
	}
}

static void a_birth_that_is_yet_to_come_tells_of_a_clock_set_back(void **state)
{
	struct bench b = begun();

	(void)state;
	tail_births_saw(&b.births, now(&b).ns + 71 * HOUR);
	tail_births_saw(&b.births, now(&b).ns + 70 * HOUR);
	tail_births_saw_all(&b.births);
	assert_true(order(&b, now(&b).ns + 71 * HOUR) < order(&b, now(&b).ns - HOUR));
	assert_true(order(&b, now(&b).ns - 40 * 24 * HOUR) < order(&b, now(&b).ns + 60 * HOUR));
}

static void steps_are_written_and_read(void **state)
{
	struct bench b = begun();
	struct tail_births read = { .count = 3 };
	char text[TAIL_AGES_TEXT], again[TAIL_AGES_TEXT];

	(void)state;
	for (int i = 0; i < TAIL_AGES_MAX + 3; i++) {
		set_clock(&b, i % 2 ? 50 : -100);
		wait_hours(&b, 1);
	}
	tail_births_write(&b.births, text);
	tail_births_read(&read, text);
	assert_int_equal(read.count, TAIL_AGES_MAX);
	tail_births_write(&read, again);
	assert_string_equal(text, again);
}

static void strange_text_is_no_step(void **state)
{
	static const char *const texts[] = { "", "x", "1>", ">1", "1>1", "1>1,", "1,1>1", "1>1>1" };
	static const char most[] = "9223372036854775807>-922337203685477580,9223372036854775807 ";
	struct tail_births b = { .count = 1 };
	char text[sizeof most * (TAIL_AGES_MAX + 2)] = "";

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		tail_births_read(&b, texts[i]);
		assert_int_equal(b.count, 0);
	}
	for (size_t i = 0; i < TAIL_AGES_MAX + 1; i++)
		memcpy(text + i * strlen(most), most, sizeof most);
	tail_births_read(&b, text);
	assert_int_equal(b.count, TAIL_AGES_MAX);
	(void)tail_births_order(&b, (struct mono_time){ INT64_MAX }, INT64_MAX);
	(void)tail_births_order(&b, (struct mono_time){ INT64_MIN }, INT64_MIN);
	(void)tail_births_since(&b, (struct mono_time){ INT64_MIN }, INT64_MAX);
	(void)tail_births_since(&b, (struct mono_time){ INT64_MAX }, INT64_MIN);
}

/* Anybody may give a folder a time of change that no 64 bits of nanoseconds hold. */
static void a_time_of_any_year_is_a_number(void **state)
{
	(void)state;
	assert_int_equal(ns_of(1, 2), 1000000002);
	assert_int_equal(ns_of(15032385535, 0), INT64_MAX);
	assert_int_equal(ns_of(-15032385535, 0), INT64_MIN);
	assert_int_equal(ns_of(9223372036, 999999999), INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(births_ascend_whatever_is_done_to_the_clock),
		cmocka_unit_test(a_clock_that_nobody_sets_changes_nothing),
		cmocka_unit_test(a_clock_that_is_a_little_off_was_not_set),
		cmocka_unit_test(what_is_shown_twice_is_newer),
		cmocka_unit_test(what_is_born_once_a_clock_was_set_may_seem_older_than_that),
		cmocka_unit_test(the_time_since_is_that_which_went_by),
		cmocka_unit_test(a_birth_that_is_yet_to_come_tells_of_a_clock_set_back),
		cmocka_unit_test(steps_are_written_and_read),
		cmocka_unit_test(strange_text_is_no_step),
		cmocka_unit_test(a_time_of_any_year_is_a_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
