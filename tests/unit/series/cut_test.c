/*
 * Ceilings: a label set of a histogram or summary is on the page as a whole or not at all, and what is too large, or
 * what Prometheus would refuse, costs itself and not the page.
 */
#include "unit/unit.h"

#include <stdio.h>

#include "unit/series/table_bench.h"

static const struct series_limits limits = { .series = 100, .family_series = 50, .bytes = 1 << 20 };

/* So many label sets of a histogram with three buckets, five samples each; in the order of most libraries, or as
 * prometheus_client writes what several processes have: all sums first. */
static const char *histogram_page(char *page, size_t room, int sets, bool sums_first)
{
	size_t size = (size_t)snprintf(page, room, "# TYPE h histogram\n");

	for (int i = 0; i < sets && sums_first; i++)
		size += (size_t)snprintf(page + size, room - size, "h_sum{x=\"%d\"} 2\n", i);
	for (int i = 0; i < sets; i++) {
		for (int le = 1; le <= 3; le++)
			size += (size_t)snprintf(
				page + size, room - size, "h_bucket{le=\"%d\",x=\"%d\"} %d\n", le, i, le);
		if (!sums_first)
			size += (size_t)snprintf(page + size, room - size, "h_sum{x=\"%d\"} 2\n", i);
		size += (size_t)snprintf(page + size, room - size, "h_count{x=\"%d\"} 3\n", i);
	}
	return page;
}

static void is_cut_by_sets(size_t ceiling, bool sums_first)
{
	const struct series_limits few = { .series = 100, .family_series = ceiling, .bytes = 1 << 20 };
	size_t fit = ceiling / 5 < 6 ? ceiling / 5 : 6;
	struct table t = table_of(&few);
	char page[4096];

	for (int round = 0; round < 3; round++) {
		struct series_counts c = scrape(&t, t.app, histogram_page(page, sizeof page, 6, sums_first));
		assert_int_equal(c.merged % 5, 0);
		assert_true(sums_first ? c.merged <= ceiling : c.merged == 5 * fit);
		assert_int_equal(c.dropped[SERIES_DROP_FAMILY_CEILING], 30 - c.merged);
		assert_string_equal(c.first[SERIES_DROP_FAMILY_CEILING], c.merged < 30 ? "h" : "");
	}
	series_free(t.series);
}

static void a_label_set_is_whole_or_not_there(void **state)
{
	(void)state;
	for (size_t ceiling = 1; ceiling < 40; ceiling++) {
		is_cut_by_sets(ceiling, false);
		is_cut_by_sets(ceiling, true);
	}
}

/* The other ceilings cut sets, too; what no set is made of stays. */
static void other_ceilings_cut_whole_sets(void **state)
{
	static const struct series_limits few = { .series = 8, .family_series = 100, .bytes = 1 << 20 };
	struct table t = table_of(&few);
	struct series_counts c;
	char page[4096];

	(void)state;
	c = scrape(&t, t.app,
		"a 1\n# TYPE s summary\ns{quantile=\"0.5\",x=\"1\"} 1\ns{quantile=\"0.9\",x=\"1\"} 1\ns_sum{x=\"1\"} "
		"1\n"
		"s_count{x=\"1\"} 1\ns{quantile=\"0.5\",x=\"2\"} 1\ns{quantile=\"0.9\",x=\"2\"} 1\ns_sum{x=\"2\"} "
		"1\ns_count{x=\"2\"} 1\n");
	assert_int_equal(c.merged, 5);
	assert_int_equal(c.dropped[SERIES_DROP_SERIES_CEILING], 4);
	assert_page(&t, "# TYPE a untyped\na 1\n# TYPE s summary\ns{quantile=\"0.5\",x=\"1\"} "
			"1\ns{quantile=\"0.9\",x=\"1\"} 1\n"
			"s_sum{x=\"1\"} 1\ns_count{x=\"1\"} 1\n");
	series_free(t.series);
	for (size_t bytes = 2000; bytes < 12000; bytes += 97) {
		const struct series_limits small = { .series = 100, .family_series = 100, .bytes = bytes };
		t = table_of(&small);
		c = scrape(&t, t.app, histogram_page(page, sizeof page, 6, bytes % 2));
		assert_int_equal(c.merged % 5, 0);
		assert_true(c.merged == 30 || c.dropped[SERIES_DROP_BYTES] > 0);
		series_free(t.series);
	}
}

static void what_prometheus_would_refuse_costs_itself(void **state)
{
	struct table t = table_of(&limits);
	struct series_counts c;
	char page[4096];
	size_t size = (size_t)snprintf(page, sizeof page, "a{");

	(void)state;
	for (int i = 0; i <= EXPOSITION_LABELS_MAX; i++)
		size += (size_t)snprintf(page + size, sizeof page - size, "l%d=\"\",", i);
	snprintf(page + size, sizeof page - size, "} 1\nb 1 -62135596800000\nc 1 9007199254740993\nd 1 0\n");
	c = scrape(&t, t.app, page);
	assert_int_equal(c.merged, 1);
	assert_int_equal(c.dropped[SERIES_DROP_TIMESTAMP], 2);
	assert_string_equal(c.first[SERIES_DROP_TIMESTAMP], "b");
	assert_int_equal(c.dropped[SERIES_DROP_SAMPLE_SIZE], 1);
	assert_string_equal(c.first[SERIES_DROP_SAMPLE_SIZE], "a");
	assert_page(&t, "# TYPE d untyped\nd 1 0\n");
	series_free(t.series);
}

/* Nothing is known of it, also not whether it belongs to the family before it. */
static void a_line_that_is_too_long_has_no_name(void **state)
{
	static char page[(256 << 10) + 64] = "a 1\nb{x=\"";
	struct table t = table_of(&limits);
	struct series_counts c;
	size_t size = strlen(page);

	(void)state;
	memset(page + size, 'x', 256 << 10);
	memcpy(page + size + (256 << 10), "\"} 1\n", sizeof "\"} 1\n");
	c = scrape(&t, t.app, page);
	assert_int_equal(c.received, 2);
	assert_int_equal(c.dropped[SERIES_DROP_SAMPLE_SIZE], 1);
	assert_string_equal(c.first[SERIES_DROP_SAMPLE_SIZE], "");
	assert_page(&t, "# TYPE a untyped\na 1\n");
	series_free(t.series);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_label_set_is_whole_or_not_there),
		cmocka_unit_test(other_ceilings_cut_whole_sets),
		cmocka_unit_test(what_prometheus_would_refuse_costs_itself),
		cmocka_unit_test(a_line_that_is_too_long_has_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
