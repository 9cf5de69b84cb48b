/*
 * Names that are not classic: kept as they came, and written as each reader takes them.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit/series/table_bench.h"

static const struct series_limits limits = {
	.series = 2000,
	.family_series = 1000,
	.bytes = 4 << 20,
	.reserved = "oxpecker_",
};

struct page {
	enum exposition_format format;
	enum exposition_escaping escaping;
};

static const struct page underscores = { EXPOSITION_TEXT, EXPOSITION_UNDERSCORES };
static const struct page dots = { EXPOSITION_TEXT, EXPOSITION_DOTS };
static const struct page values = { EXPOSITION_TEXT, EXPOSITION_VALUES };
static const struct page utf8 = { EXPOSITION_TEXT, EXPOSITION_UTF8 };
static const struct page open_underscores = { EXPOSITION_OPENMETRICS, EXPOSITION_UNDERSCORES };
static const struct page open_utf8 = { EXPOSITION_OPENMETRICS, EXPOSITION_UTF8 };

/* The caller frees it. */
static char *page_in_slices(struct table *t, const struct page *p, size_t budget, uint64_t *ret_left_out)
{
	struct series_cursor c;
	struct buffer b;
	int more;

	buffer_init(&b, 1 << 20);
	series_cursor_init(&c, t->series, p->format);
	c.escaping = p->escaping;
	while ((more = series_write_some(&c, &b, budget)) == 1)
		;
	assert_int_equal(more, 0);
	assert_in_range(b.size, 0, series_page_max(t->series));
	assert_int_equal(buffer_append(&b, "", 1), 0);
	*ret_left_out = c.left_out;
	return b.data;
}

/* Leaving out that many samples. */
static void assert_shows(struct table *t, const struct page *p, uint64_t left_out, const char *wanted)
{
	for (size_t budget = 1; budget < 200; budget += 13) {
		uint64_t n;
		char *page = page_in_slices(t, p, budget, &n);
		assert_string_equal(page, wanted);
		assert_int_equal(n, left_out);
		free(page);
	}
}

static void each_reader_gets_names_it_takes(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	scrape(&t, t.app,
		"# HELP \"my.count_total\" Some\n# TYPE \"my.count_total\" counter\n"
		"{\"my.count_total\",z=\"1\",\"a.b\"=\"\\\"=,\"} 1\nplain{\"x y\"=\"2\"} 2\n{\"plain2\",\"x\"=\"3\"} "
		"3\n");
	assert_shows(&t, &utf8, 0,
		"# HELP \"my.count_total\" Some\n# TYPE \"my.count_total\" counter\n"
		"{\"my.count_total\",\"a.b\"=\"\\\"=,\",z=\"1\"} 1\n# TYPE plain untyped\nplain{\"x y\"=\"2\"} 2\n"
		"# TYPE plain2 untyped\nplain2{x=\"3\"} 3\n");
	assert_shows(&t, &underscores, 0,
		"# HELP my_count_total Some\n# TYPE my_count_total counter\nmy_count_total{a_b=\"\\\"=,\",z=\"1\"} 1\n"
		"# TYPE plain untyped\nplain{x_y=\"2\"} 2\n# TYPE plain2 untyped\nplain2{x=\"3\"} 3\n");
	assert_shows(&t, &dots, 0,
		"# HELP my_dot_count__total Some\n# TYPE my_dot_count__total counter\n"
		"my_dot_count__total{a_dot_b=\"\\\"=,\",z=\"1\"} 1\n"
		"# TYPE plain untyped\nplain{x__y=\"2\"} 2\n# TYPE plain2 untyped\nplain2{x=\"3\"} 3\n");
	assert_shows(&t, &values, 0,
		"# HELP U__my_2e_count__total Some\n# TYPE U__my_2e_count__total counter\n"
		"U__my_2e_count__total{U__a_2e_b=\"\\\"=,\",z=\"1\"} 1\n"
		"# TYPE plain untyped\nplain{U__x_20_y=\"2\"} 2\n# TYPE plain2 untyped\nplain2{x=\"3\"} 3\n");
	assert_shows(&t, &open_underscores, 0,
		"# HELP my_count Some\n# TYPE my_count counter\nmy_count_total{a_b=\"\\\"=,\",z=\"1\"} 1\n"
		"# TYPE plain unknown\nplain{x_y=\"2\"} 2\n# TYPE plain2 unknown\nplain2{x=\"3\"} 3\n");
	assert_shows(&t, &open_utf8, 0,
		"# HELP \"my.count\" Some\n# TYPE \"my.count\" counter\n"
		"{\"my.count_total\",\"a.b\"=\"\\\"=,\",z=\"1\"} 1\n# TYPE plain unknown\nplain{\"x y\"=\"2\"} 2\n"
		"# TYPE plain2 unknown\nplain2{x=\"3\"} 3\n");
	series_free(t.series);
}

/* The suffix belongs to the sample, not to what is escaped. */
static void samples_of_a_histogram_keep_their_suffixes(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	scrape(&t, t.nginx,
		"# TYPE \"a.b\" histogram\n{\"a.b_bucket\",le=\"+Inf\"} 1\n{\"a.b_sum\"} 2\n{\"a.b_count\"} 1\n");
	assert_shows(&t, &values, 0,
		"# TYPE U__a_2e_b histogram\nU__a_2e_b_bucket{le=\"+Inf\",part=\"nginx\"} 1\n"
		"U__a_2e_b_sum{part=\"nginx\"} 2\nU__a_2e_b_count{part=\"nginx\"} 1\n");
	assert_shows(&t, &dots, 0,
		"# TYPE a_dot_b histogram\na_dot_b_bucket{le=\"+Inf\",part=\"nginx\"} 1\n"
		"a_dot_b_sum{part=\"nginx\"} 2\na_dot_b_count{part=\"nginx\"} 1\n");
	assert_shows(&t, &utf8, 0,
		"# TYPE \"a.b\" histogram\n{\"a.b_bucket\",le=\"+Inf\",part=\"nginx\"} 1\n"
		"{\"a.b_sum\",part=\"nginx\"} 2\n{\"a.b_count\",part=\"nginx\"} 1\n");
	series_free(t.series);
}

/* What is one name in one scheme are two in another; a classic name stays, of others the first. */
static void what_becomes_the_same_is_left_out_where_it_does(void **state)
{
	struct table t = table_of(&limits);
	struct series_counts c;

	(void)state;
	c = scrape(&t, t.app,
		"{\"a.b\"} 1\n{\"a.b\",x=\"1\"} 2\na_b 3\n{\"c-d\"} 4\n{\"c+d\"} 5\n{\"e\",\"f.g\"=\"1\"} "
		"6\ne{f_g=\"1\"} 7\n"
		"{\"h\",\"f-g\"=\"1\",\"f.g\"=\"2\"} 8\nh{\"f.g\"=\"1\"} 9\nh{\"f-g\"=\"1\"} 10\n");
	assert_int_equal(c.merged, 10);
	assert_shows(&t, &utf8, 0,
		"# TYPE \"a.b\" untyped\n{\"a.b\"} 1\n{\"a.b\",x=\"1\"} 2\n# TYPE a_b untyped\na_b 3\n"
		"# TYPE \"c+d\" untyped\n{\"c+d\"} 5\n# TYPE \"c-d\" untyped\n{\"c-d\"} 4\n"
		"# TYPE e untyped\ne{\"f.g\"=\"1\"} 6\ne{f_g=\"1\"} 7\n"
		"# TYPE h untyped\nh{\"f-g\"=\"1\",\"f.g\"=\"2\"} 8\nh{\"f.g\"=\"1\"} 9\nh{\"f-g\"=\"1\"} 10\n");
	assert_shows(&t, &underscores, 6,
		"# TYPE a_b untyped\na_b 3\n# TYPE c_d untyped\nc_d 5\n# TYPE e untyped\ne{f_g=\"1\"} 7\n"
		"# TYPE h untyped\nh{f_g=\"1\"} 9\n");
	assert_shows(&t, &dots, 1,
		"# TYPE a_dot_b untyped\na_dot_b 1\na_dot_b{x=\"1\"} 2\n# TYPE a_b untyped\na_b 3\n"
		"# TYPE c__d untyped\nc__d 5\n# TYPE e untyped\ne{f_dot_g=\"1\"} 6\ne{f_g=\"1\"} 7\n"
		"# TYPE h untyped\nh{f__g=\"1\",f_dot_g=\"2\"} 8\nh{f_dot_g=\"1\"} 9\nh{f__g=\"1\"} 10\n");
	series_free(t.series);
}

static void a_series_that_is_called_like_one_of_another_family_is_left_out(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	scrape(&t, t.app,
		"# TYPE \"a.b\" summary\n{\"a.b_sum\"} 1\n{\"a.b_count\"} 2\n{\"a-b_count\"} 3\na_b_sum 4\n"
		"# TYPE \"c.d\" summary\n{\"c.d_sum\"} 5\n{\"c.d_count\"} 6\n{\"c-d_count\"} 7\n");
	assert_shows(&t, &underscores, 3,
		"# TYPE a_b_count untyped\na_b_count 3\n# TYPE a_b summary\n# TYPE a_b_sum untyped\na_b_sum 4\n"
		"# TYPE c_d_count untyped\nc_d_count 7\n# TYPE c_d summary\nc_d_sum 5\n");
	series_free(t.series);
}

/* Where the table's own names begin is asked of what most readers see. */
/* OpenMetrics calls a counter like another family: then it is of unknown type. */
static void no_two_families_are_called_the_same_in_openmetrics(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	scrape(&t, t.app,
		"{\"a.b\"} 1\n# TYPE a_b_total counter\na_b_total 2\n# TYPE \"c.d_total\" counter\n{\"c.d_total\"} "
		"3\nc_d 4\n");
	assert_shows(&t, &open_underscores, 0,
		"# TYPE a_b unknown\na_b 1\n# TYPE a_b_total unknown\na_b_total 2\n# TYPE c_d_total unknown\nc_d_total "
		"3\n"
		"# TYPE c_d unknown\nc_d 4\n");
	assert_shows(&t, &open_utf8, 0,
		"# TYPE \"a.b\" unknown\n{\"a.b\"} 1\n# TYPE a_b counter\na_b_total 2\n"
		"# TYPE \"c.d\" counter\n{\"c.d_total\"} 3\n# TYPE c_d unknown\nc_d 4\n");
	series_free(t.series);
}

static void reserved_names_are_refused_whatever_they_are_escaped_to(void **state)
{
	struct table t = table_of(&limits);
	struct series_counts c;

	(void)state;
	c = scrape(
		&t, t.app, "{\"oxpecker.memory\"} 1\n{\"oxpecker_up.x\"} 2\n{\"oxpecker\"} 3\n{\"oxpeck.er_x\"} 4\n");
	assert_int_equal(c.dropped[SERIES_DROP_RESERVED], 2);
	assert_shows(&t, &underscores, 0,
		"# TYPE oxpeck_er_x untyped\noxpeck_er_x 4\n# TYPE oxpecker untyped\noxpecker 3\n");
	series_free(t.series);
}

static void label_sets_are_cut_whole_for_names_in_quotes(void **state)
{
	struct series_limits few = limits;
	struct table t;
	struct series_counts c;

	(void)state;
	few.family_series = 5;
	t = table_of(&few);
	c = scrape(&t, t.app,
		"# TYPE \"a.b\" histogram\n"
		"{\"a.b_bucket\",\"x=y\"=\"1\",le=\"1\"} 1\n{\"a.b_bucket\",\"x=y\"=\"1\",le=\"+Inf\"} "
		"1\n{\"a.b_sum\",\"x=y\"=\"1\"} 2\n"
		"{\"a.b_count\",\"x=y\"=\"1\"} 1\n"
		"{\"a.b_bucket\",\"x=y\"=\"2\",le=\"1\"} 1\n{\"a.b_bucket\",\"x=y\"=\"2\",le=\"+Inf\"} "
		"1\n{\"a.b_sum\",\"x=y\"=\"2\"} 2\n"
		"{\"a.b_count\",\"x=y\"=\"2\"} 1\n");
	assert_int_equal(c.dropped[SERIES_DROP_FAMILY_CEILING], 4);
	assert_shows(&t, &utf8, 0,
		"# TYPE \"a.b\" histogram\n{\"a.b_bucket\",le=\"1\",\"x=y\"=\"1\"} "
		"1\n{\"a.b_bucket\",le=\"+Inf\",\"x=y\"=\"1\"} 1\n"
		"{\"a.b_sum\",\"x=y\"=\"1\"} 2\n{\"a.b_count\",\"x=y\"=\"1\"} 1\n");
	series_free(t.series);
}

/* All of it takes one name: a page is made in slices of their own, and nothing is told twice. */
static void thousands_of_names_may_clash(void **state)
{
	struct table t = table_of(&limits);
	struct series_cursor c;
	struct buffer b;
	char page[40000];
	size_t size = 0;
	unsigned slices = 0;

	(void)state;
	for (int i = 0; i < 676; i++)
		size += (size_t)snprintf(page + size, sizeof page - size,
			"{\"a%c%c\",x=\"1\"} 1\n{\"b\",\"c%c%c\"=\"2\"} 2\n", "!#$%&()*+,-./;<=>?@[]^{|}~"[i / 26],
			"!#$%&()*+,-./;<=>?@[]^{|}~"[i % 26], "!#$%&()*+,-./;<=>?@[]^{|}~"[i / 26],
			"!#$%&()*+,-./;<=>?@[]^{|}~"[i % 26]);
	scrape(&t, t.app, page);
	assert_int_equal(t.series->quoted, series_target_count(t.app) * 3 / 2);
	buffer_init(&b, 1 << 20);
	series_cursor_init(&c, t.series, EXPOSITION_TEXT);
	while (series_write_some(&c, &b, 1000) == 1)
		slices++;
	assert_int_equal(buffer_append(&b, "", 1), 0);
	assert_string_equal(b.data, "# TYPE a__ untyped\na__{x=\"1\"} 1\n# TYPE b untyped\nb{c__=\"2\"} 2\n");
	assert_int_equal(c.left_out, series_target_count(t.app) - 2);
	assert_in_range(slices, 100, 1000);
	buffer_done(&b);
	series_free(t.series);
}

/* While a family is written again and again, what it had before does not count as another's. */
static void a_family_that_is_begun_again_does_not_clash_with_itself(void **state)
{
	static const char page[] = "{\"a.b\",x=\"1\"} 1\n{\"a.b\",x=\"2\"} 2\n{\"a.b\",x=\"3\"} 3\n{\"a-b\"} 4\n";
	struct table t = table_of(&limits);
	struct series_cursor c;
	struct buffer b;

	(void)state;
	scrape(&t, t.app, page);
	buffer_init(&b, 1 << 20);
	series_cursor_init(&c, t.series, EXPOSITION_TEXT);
	for (int i = 0; series_write_some(&c, &b, 30) == 1; i++)
		if (i < 3)
			scrape(&t, t.app, page);
	assert_int_equal(buffer_append(&b, "", 1), 0);
	assert_string_equal(b.data, "# TYPE a_b untyped\na_b 4\n");
	assert_int_equal(c.left_out, 3);
	buffer_done(&b);
	series_free(t.series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reader_gets_names_it_takes),
		cmocka_unit_test(samples_of_a_histogram_keep_their_suffixes),
		cmocka_unit_test(what_becomes_the_same_is_left_out_where_it_does),
		cmocka_unit_test(a_series_that_is_called_like_one_of_another_family_is_left_out),
		cmocka_unit_test(no_two_families_are_called_the_same_in_openmetrics),
		cmocka_unit_test(reserved_names_are_refused_whatever_they_are_escaped_to),
		cmocka_unit_test(label_sets_are_cut_whole_for_names_in_quotes),
		cmocka_unit_test(thousands_of_names_may_clash),
		cmocka_unit_test(a_family_that_is_begun_again_does_not_clash_with_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
