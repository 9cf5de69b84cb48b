/*
 * The ranking of families: after the scrapes of all targets it is that of a count of all of them, and what was dropped
 * stands beside it, however many names there were.
 */
#include "unit/series/table_bench.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"

enum { FAMILIES = 40, ROUNDS = 60, PAGE = 1 << 20 };

static void put_family(struct buffer *b, size_t i, size_t series)
{
	for (size_t k = 0; k < series; k++)
		assert_int_equal(buffer_printf(b, "f%zu{k=\"%zu\"} 1\n", i, k), 0);
}

static struct series_counts scrape_sizes(struct table *t, struct series_target *target, const size_t *sizes)
{
	struct series_counts c;
	struct buffer b;

	buffer_init(&b, PAGE);
	for (size_t i = 0; i < FAMILIES; i++)
		put_family(&b, i, sizes[i]);
	assert_int_equal(buffer_append(&b, "", 1), 0);
	c = scrape(t, target, b.data);
	buffer_done(&b);
	return c;
}

static int descending(const void *a, const void *b)
{
	size_t one = *(const size_t *)a, other = *(const size_t *)b;

	return (one < other) - (one > other);
}

static void assert_ranked(const struct table *t, const size_t *app, const size_t *nginx)
{
	struct series_worst rows[SERIES_WORST_MAX];
	size_t all[FAMILIES], count = series_worst(t->series, rows);

	for (size_t i = 0; i < FAMILIES; i++)
		all[i] = app[i] + nginx[i];
	for (size_t i = 0; i < count; i++)
		assert_int_equal(rows[i].series, all[strtoul(rows[i].name + 1, NULL, 10)]);
	qsort(all, FAMILIES, sizeof *all, descending);
	for (size_t i = 0; i < WORST_BY_SERIES && all[i] > 0; i++) {
		assert_true(i < count);
		assert_int_equal(rows[i].series, all[i]);
	}
}

static void the_largest_families_are_ranked(void **state)
{
	struct table t = table_of(&series_limits_default);
	size_t app[FAMILIES] = { 0 }, nginx[FAMILIES] = { 0 };
	struct random random;

	(void)state;
	random_seed(&random, 14);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < FAMILIES; i++) {
			app[i] = random_below(&random, 3) ? random_below(&random, 20) : 0;
			nginx[i] = random_below(&random, 4) ? 0 : random_below(&random, 50);
		}
		/* What one target shrinks is seen with the next scrape of the other. */
		for (int twice = 0; twice < 2; twice++) {
			(void)scrape_sizes(&t, t.app, app);
			tidy(&t, t.app, 1000);
			(void)scrape_sizes(&t, t.nginx, nginx);
			tidy(&t, t.nginx, 1000);
		}
		assert_ranked(&t, app, nginx);
	}
	series_target_free(t.app);
	series_target_free(t.nginx);
	assert_int_equal(series_worst(t.series, (struct series_worst[SERIES_WORST_MAX]){ 0 }), 0);
	series_free(t.series);
}

static void what_is_dropped_stands_beside_it(void **state)
{
	const struct series_limits limits = {
		.series = 1000, .family_series = 5, .bytes = 1 << 20, .reserved = "own_"
	};
	struct series_worst rows[SERIES_WORST_MAX];
	struct table t = table_of(&limits);
	size_t sizes[FAMILIES] = { 3, 9, 4 };

	(void)state;
	for (uint64_t n = 1; n < 4; n++) {
		struct series_counts c = scrape_sizes(&t, t.app, sizes);
		assert_int_equal(series_worst(t.series, rows), 3);
		assert_string_equal(rows[0].name, "f1");
		assert_int_equal(rows[0].series, 5);
		assert_int_equal(rows[0].dropped, n * c.dropped[SERIES_DROP_FAMILY_CEILING]);
		assert_string_equal(rows[0].why, "family_ceiling");
		assert_string_equal(rows[1].name, "f2");
		assert_string_equal(rows[1].why, "");
		assert_int_equal(rows[1].dropped, 0);
	}
	(void)scrape(&t, t.nginx, "own_a 1\n");
	assert_int_equal(series_worst(t.series, rows), 4);
	assert_string_equal(rows[3].name, "own_a");
	assert_int_equal(rows[3].series, 0);
	assert_string_equal(rows[3].why, "reserved");
	series_free(t.series);
}

/* Thousands of names that are dropped once do not hide one that is dropped often. */
static void many_names_hide_none_that_counts(void **state)
{
	const struct series_limits limits = {
		.series = 1000, .family_series = 5, .bytes = 1 << 20, .reserved = "own_"
	};
	struct series_worst rows[SERIES_WORST_MAX];
	struct table t = table_of(&limits);
	size_t count;
	char page[256];

	(void)state;
	for (int n = 0; n < 2000; n++) {
		snprintf(page, sizeof page, "own_often{n=\"1\"} 1\nown_%d 1\nown_often{n=\"2\"} 1\n", n);
		(void)scrape(&t, t.app, page);
	}
	count = series_worst(t.series, rows);
	assert_int_equal(count, WORST_BY_DROPS);
	assert_string_equal(rows[0].name, "own_often");
	assert_int_equal(rows[0].dropped, 4000);
	series_free(t.series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_largest_families_are_ranked),
		cmocka_unit_test(what_is_dropped_stands_beside_it),
		cmocka_unit_test(many_names_hide_none_that_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
