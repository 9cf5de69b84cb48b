/*
 * The series table: what of a scrape reaches the page, what goes again, and what is refused.
 *
 * Every step ends with series_check(). Pages are compared as text, written in one go and in slices of every size.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "series/series.h"
#include "series/table.h"
#include "series/write.h"
#include "unit/series/table_bench.h"

static const struct series_limits limits = {
	.series = 100, .family_series = 50, .bytes = 1 << 20, .reserved = "oxpecker_",
};

static void a_scrape_is_visible_when_it_is_committed(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	assert_page(&t, "");
	series_begin(t.app);
	assert_int_equal(stage(t.app, EXPOSITION_TEXT, "# TYPE a counter\n# HELP a So\\nit is\na{x=\"1\"} 1.50 7\n"
		"a 2\n"), 0);
	series_check(t.series);
	assert_page(&t, "");
	commit(&t, t.app);
	assert_page(&t, "# HELP a So\\nit is\n# TYPE a counter\na{x=\"1\"} 1.50 7\na 2\n");
	assert_int_equal(series_target_count(t.app), 2);
	series_begin(t.app);
	assert_int_equal(stage(t.app, EXPOSITION_TEXT, "# TYPE a gauge\n# HELP a New\na 3\n"), 0);
	assert_page(&t, "# HELP a So\\nit is\n# TYPE a counter\na{x=\"1\"} 1.50 7\na 2\n");
	commit(&t, t.app);
	assert_page(&t, "# HELP a New\n# TYPE a gauge\na 3\n");
	series_free(t.series);
}

static void an_abandoned_scrape_leaves_no_trace(void **state)
{
	static const char page[] = "# TYPE a counter\na{x=\"1\"} 1\na{x=\"2\"} 2\n";
	struct table t = table_of(&limits);
	size_t bytes;

	(void)state;
	scrape(&t, t.app, page);
	scrape(&t, t.app, page);
	tidy(&t, t.app, 1);
	bytes = t.series->bytes;
	series_begin(t.app);
	assert_int_equal(stage(t.app, EXPOSITION_TEXT, "# TYPE a gauge\na{x=\"2\"} 7\na{x=\"3\"} 8\nb 1\nc x\n"),
		EXPOSITION_BAD_VALUE);
	series_check(t.series);
	series_abandon(t.app);
	series_check(t.series);
	assert_page(&t, page);
	tidy(&t, t.app, 1);
	assert_page(&t, page);
	assert_int_equal(t.series->bytes, bytes);
	series_begin(t.app);
	assert_int_equal(stage(t.app, EXPOSITION_TEXT, "a{x=\"9\"} 7\n"), EXPOSITION_FINE);
	scrape(&t, t.app, page);	/* begins anew: the one under way is abandoned */
	assert_page(&t, page);
	series_abandon(t.app);
	series_free(t.series);
}

static void what_is_scraped_no_more_is_gone(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	scrape(&t, t.app, "a{x=\"1\"} 1\na{x=\"2\"} 2\nb 3\n");
	scrape(&t, t.app, "a{x=\"2\"} 4\nc 5\n");
	assert_page(&t, "# TYPE a untyped\na{x=\"2\"} 4\n# TYPE c untyped\nc 5\n");
	scrape(&t, t.app, "a{x=\"3\"} 1\na{x=\"2\"} 4\na{x=\"1\"} 5\n");
	assert_page(&t, "# TYPE a untyped\na{x=\"3\"} 1\na{x=\"2\"} 4\na{x=\"1\"} 5\n");
	series_target_down(t.app);
	series_check(t.series);
	assert_page(&t, "");
	tidy(&t, t.app, 2);
	assert_int_equal(t.series->bytes, 0);
	scrape(&t, t.app, "a 1\n");
	scrape(&t, t.app, "");
	assert_page(&t, "");
	tidy(&t, t.app, 100);
	assert_int_equal(t.series->bytes, 0);
	series_free(t.series);
}

/* Nothing of them is written, but a slice takes no more of them than of others. */
static void families_that_are_left_behind_take_their_part_of_a_slice(void **state)
{
	enum { FAMILIES = 90, BUDGET = 100, HIDDEN = 16 };
	struct table t = table_of(&limits);
	struct series_cursor c;
	struct buffer page;
	size_t slices = 1;

	(void)state;
	buffer_init(&page, 1 << 20);
	for (int i = 0; i < FAMILIES; i++)
		assert_int_equal(buffer_printf(&page, "f%04d 1\n", i), 0);
	assert_int_equal(buffer_append(&page, "", 1), 0);
	scrape(&t, t.app, page.data);
	scrape(&t, t.app, "a 1\nz 2\n");
	page.size = 0;
	series_cursor_init(&c, t.series, EXPOSITION_TEXT);
	for (; series_write_some(&c, &page, BUDGET) == 1; slices++)
		assert_true(c.spent <= BUDGET + HIDDEN);
	assert_in_range(slices, FAMILIES * HIDDEN / (BUDGET + HIDDEN), FAMILIES);
	assert_page(&t, "# TYPE a untyped\na 1\n# TYPE z untyped\nz 2\n");
	buffer_done(&page);
	series_free(t.series);
}

static void a_target_may_go_down_while_it_is_scraped(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	scrape(&t, t.app, "a 1\nb 2\n");
	series_begin(t.app);
	assert_int_equal(stage(t.app, EXPOSITION_TEXT, "a 3\nc 4\n"), 0);
	series_target_down(t.app);
	series_check(t.series);
	assert_page(&t, "");
	commit(&t, t.app);
	assert_page(&t, "# TYPE a untyped\na 3\n# TYPE c untyped\nc 4\n");
	series_begin(t.app);
	assert_int_equal(stage(t.app, EXPOSITION_TEXT, "a 3\nd 4\n"), 0);
	series_target_free(t.app);
	series_check(t.series);
	assert_page(&t, "");
	assert_int_equal(t.series->bytes, 0);
	series_free(t.series);
}

static void two_targets_share_a_page(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	scrape(&t, t.app, "# HELP a Ours\n# TYPE a counter\na 1\nb 2\n");
	scrape(&t, t.nginx, "# HELP a Theirs\n# TYPE a counter\na 3\na{z=\"1\"} 4\nc{part=\"old\",b=\"1\"} 5\n");
	assert_page(&t, "# HELP a Ours\n# TYPE a counter\na 1\na{part=\"nginx\"} 3\na{part=\"nginx\",z=\"1\"} 4\n"
		"# TYPE b untyped\nb 2\n# TYPE c untyped\nc{b=\"1\",exported_part=\"old\",part=\"nginx\"} 5\n");
	series_target_down(t.app);
	assert_page(&t, "# HELP a Theirs\n# TYPE a counter\na{part=\"nginx\"} 3\na{part=\"nginx\",z=\"1\"} 4\n"
		"# TYPE c untyped\nc{b=\"1\",exported_part=\"old\",part=\"nginx\"} 5\n");
	scrape(&t, t.app, "b 7\n");
	series_target_free(t.nginx);
	assert_page(&t, "# TYPE b untyped\nb 7\n");
	series_free(t.series);
}

static void types_that_clash_are_refused_by_family(void **state)
{
	struct table t = table_of(&limits);
	struct series_counts c;

	(void)state;
	scrape(&t, t.app, "# TYPE a counter\na 1\n");
	c = scrape(&t, t.nginx, "# TYPE a gauge\na{x=\"1\"} 3\na{x=\"2\"} 4\nb 5\n");
	assert_int_equal(c.received, 3);
	assert_int_equal(c.dropped[SERIES_DROP_TYPE_CLASH], 2);
	assert_page(&t, "# TYPE a counter\na 1\n# TYPE b untyped\nb{part=\"nginx\"} 5\n");
	series_target_down(t.app);
	c = scrape(&t, t.nginx, "# TYPE a gauge\na 3\n");
	assert_int_equal(c.merged, 1);
	c = scrape(&t, t.app, "# TYPE a counter\na 1\n");
	assert_int_equal(c.dropped[SERIES_DROP_TYPE_CLASH], 1);
	assert_page(&t, "# TYPE a gauge\na{part=\"nginx\"} 3\n");
	series_free(t.series);
}

/* Both are staged before either is visible: the later commit loses, also what it had on the page of that family. */
static void types_that_clash_at_the_commit(void **state)
{
	struct table t = table_of(&limits);
	struct series_counts c;

	(void)state;
	scrape(&t, t.app, "# TYPE a counter\na{x=\"0\"} 1\n");
	scrape(&t, t.nginx, "# TYPE a counter\na 1\n");
	series_begin(t.app);
	series_begin(t.nginx);
	assert_int_equal(stage(t.app, EXPOSITION_TEXT, "# TYPE a gauge\na{x=\"0\"} 2\na{x=\"1\"} 3\nb 1\n"), 0);
	assert_int_equal(stage(t.nginx, EXPOSITION_TEXT, "# TYPE a counter\na 1\n"), 0);
	commit(&t, t.nginx);
	c = commit(&t, t.app);
	assert_int_equal(c.dropped[SERIES_DROP_TYPE_CLASH], 2);
	assert_page(&t, "# TYPE a counter\na{part=\"nginx\"} 1\n# TYPE b untyped\nb 1\n");
	series_free(t.series);
}

/* What a target has on the page protects its types, but only while it is there. */
static void types_that_clash_after_a_target_was_down(void **state)
{
	struct table t = table_of(&limits);
	struct series_counts c;

	(void)state;
	scrape(&t, t.app, "# TYPE a counter\na 1\n");
	series_begin(t.app);
	assert_int_equal(stage(t.app, EXPOSITION_TEXT, "# TYPE a counter\na 2\n"), 0);
	series_target_down(t.app);
	scrape(&t, t.nginx, "# TYPE a gauge\na 3\n");
	c = commit(&t, t.app);
	assert_int_equal(c.dropped[SERIES_DROP_TYPE_CLASH], 1);
	assert_page(&t, "# TYPE a gauge\na{part=\"nginx\"} 3\n");
	series_free(t.series);
}

static void two_types_in_one_scrape(void **state)
{
	struct table t = table_of(&limits);
	struct series_counts c;

	(void)state;
	c = scrape(&t, t.app, "# TYPE a counter\na 1\n# TYPE a counter\na{x=\"1\"} 2\n# TYPE a gauge\na{x=\"2\"} 3\n");
	assert_int_equal(c.dropped[SERIES_DROP_TYPE_CLASH], 1);
	assert_page(&t, "# TYPE a counter\na 1\na{x=\"1\"} 2\n");
	c = scrape(&t, t.app, "# TYPE b counter\nb_total 1\n# TYPE b_total gauge\nb_total{x=\"1\"} 2\n");
	assert_int_equal(c.dropped[SERIES_DROP_TYPE_CLASH], 1);
	assert_page(&t, "# TYPE b_total counter\nb_total 1\n");
	series_free(t.series);
}

static void doubles_are_refused(void **state)
{
	struct table t = table_of(&limits);
	struct series_target *twin;
	struct series_counts c;

	(void)state;
	twin = target(t.series, NULL, 0);
	c = scrape(&t, t.app, "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\n");
	assert_int_equal(c.dropped[SERIES_DROP_DUPLICATE], 1);
	c = scrape(&t, twin, "a{x=\"1\",y=\"2\"} 3\na{x=\"2\"} 4\n");
	assert_int_equal(c.dropped[SERIES_DROP_DUPLICATE], 1);
	assert_page(&t, "# TYPE a untyped\na{x=\"1\",y=\"2\"} 1\na{x=\"2\"} 4\n");
	series_target_free(t.app);
	c = scrape(&t, twin, "a{x=\"1\",y=\"2\"} 3\na{x=\"2\"} 4\n");
	assert_int_equal(c.merged, 2);
	series_free(t.series);
}

static void ceilings_hold(void **state)
{
	static const struct series_limits few = { .series = 4, .family_series = 3, .bytes = 1 << 20 };
	struct table t = table_of(&few);
	struct series_counts c;

	(void)state;
	c = scrape(&t, t.app, "a{x=\"1\"} 1\na{x=\"2\"} 1\na{x=\"3\"} 1\na{x=\"4\"} 1\nb 1\nc 1\n");
	assert_int_equal(c.dropped[SERIES_DROP_FAMILY_CEILING], 1);
	assert_int_equal(c.dropped[SERIES_DROP_SERIES_CEILING], 1);
	c = scrape(&t, t.nginx, "d 1\n");
	assert_int_equal(c.dropped[SERIES_DROP_SERIES_CEILING], 1);
	/* All new, in place of the old. */
	c = scrape(&t, t.app, "a{x=\"5\"} 1\na{x=\"6\"} 1\na{x=\"7\"} 1\nb 2\n");
	assert_int_equal(c.merged, 4);
	assert_page(&t, "# TYPE a untyped\na{x=\"5\"} 1\na{x=\"6\"} 1\na{x=\"7\"} 1\n# TYPE b untyped\nb 2\n");
	scrape(&t, t.app, "a{x=\"5\"} 1\n");
	c = scrape(&t, t.nginx, "a 1\na{x=\"2\"} 1\na{x=\"3\"} 1\nb 1\nd 1\n");
	assert_int_equal(c.dropped[SERIES_DROP_FAMILY_CEILING], 1);
	assert_int_equal(c.dropped[SERIES_DROP_SERIES_CEILING], 1);
	series_free(t.series);
}

static void the_ceiling_holds_between_two_scrapes_under_way(void **state)
{
	static const struct series_limits few = { .series = 3, .family_series = 3, .bytes = 1 << 20 };
	struct table t = table_of(&few);
	struct series_counts c;

	(void)state;
	series_begin(t.app);
	series_begin(t.nginx);
	assert_int_equal(stage(t.app, EXPOSITION_TEXT, "a 1\nb 1\n"), 0);
	assert_int_equal(stage(t.nginx, EXPOSITION_TEXT, "a 1\nb 1\n"), 0);
	series_check(t.series);
	assert_int_equal(commit(&t, t.app).merged, 2);
	c = commit(&t, t.nginx);
	assert_int_equal(c.merged, 1);
	assert_int_equal(c.dropped[SERIES_DROP_SERIES_CEILING], 1);
	series_free(t.series);
}

static void memory_has_a_ceiling(void **state)
{
	static const struct series_limits small = { .series = 10000, .family_series = 10000, .bytes = 20000 };
	struct table t = table_of(&small);
	struct series_counts c;
	char page[8192];
	size_t size = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		size += (size_t)snprintf(page + size, sizeof page - size, "a{x=\"%d\"} %d\n# HELP m%d x\n", i, i, i);
	for (int i = 0; i < 3; i++) {
		c = scrape(&t, t.app, page);
		assert_true(c.merged > 0 && c.dropped[SERIES_DROP_BYTES] > 0);
		assert_true(t.series->bytes <= small.bytes);
	}
	series_target_down(t.app);
	tidy(&t, t.app, 10);
	assert_int_equal(t.series->bytes, 0);
	series_free(t.series);
}

/* What a table may take of somebody else. */
struct purse { size_t left, taken; };

static bool purse_take(void *context, size_t bytes)
{
	struct purse *p = context;

	if (bytes > p->left)
		return false;
	p->left -= bytes;
	p->taken += bytes;
	return true;
}

static void purse_give(void *context, size_t bytes)
{
	struct purse *p = context;

	assert_true(bytes <= p->taken);
	p->left += bytes;
	p->taken -= bytes;
}

/* Whoever lends the memory is asked for the table and a page of it, and gets all back. */
static void a_page_is_paid_for_with_its_series(void **state)
{
	struct purse purse = { .left = 20000 };
	const struct series_limits lent = { .series = 10000, .family_series = 10000, .bytes = 1 << 20,
		.take = purse_take, .give = purse_give, .context = &purse };
	struct table t = table_of(&lent);
	struct series_counts c;
	char page[8192];
	size_t size = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		size += (size_t)snprintf(page + size, sizeof page - size, "a{x=\"%d\"} %d\n# HELP m%d x\n", i, i, i);
	for (int i = 0; i < 3; i++) {
		c = scrape(&t, t.app, page);
		assert_true(c.merged > 10 && c.dropped[SERIES_DROP_BYTES] > 0);
		assert_int_equal(purse.taken, t.series->bytes + series_page_max(t.series));
		assert_true(page_size(&t, EXPOSITION_TEXT) <= series_page_max(t.series));
	}
	purse.left += 100000;
	assert_int_equal(scrape(&t, t.app, page).dropped[SERIES_DROP_BYTES], 0);
	series_free(t.series);
	assert_int_equal(purse.taken, 0);
}

/* One help for three families, and nothing but escapes in it. */
static void help_is_counted_as_it_is_written(void **state)
{
	static const char page[] = "# TYPE c counter\n# HELP c " "\\\\\\\\\\\\\\\\" "\\n\\n\\n\\n" "%s\n"
		"c 1\nc_total 1.2345678901234567e-300 12345678901.123\nc_created 1\n# EOF\n";
	static const enum exposition_format formats[] = { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(formats); i++) {
		struct table t = table_of(&limits);
		char quotes[1000], all[1200];
		memset(quotes, '"', sizeof quotes);
		quotes[sizeof quotes - 1] = '\0';
		snprintf(all, sizeof all, page, quotes);
		series_begin(t.app);
		assert_int_equal(stage(t.app, EXPOSITION_OPENMETRICS, all), EXPOSITION_FINE);
		assert_int_equal(commit(&t, t.app).merged, 3);
		assert_in_range(page_size(&t, formats[i]), 3000, series_page_max(t.series));
		series_free(t.series);
	}
}

/* In OpenMetrics a quote has an escape, too. */
static void quotes_in_help_are_counted_as_openmetrics_writes_them(void **state)
{
	enum { QUOTES = 256 };
	char quotes[QUOTES + 1] = "", page[2 * QUOTES];
	struct table t = table_of(&limits);
	struct series_cursor c;
	struct buffer b;

	(void)state;
	memset(quotes, '"', QUOTES);
	snprintf(page, sizeof page, "# TYPE c counter\n# HELP c %s\nc 1\nc_total 1\nc_created 1\n# EOF\n", quotes);
	series_begin(t.app);
	assert_int_equal(stage(t.app, EXPOSITION_OPENMETRICS, page), EXPOSITION_FINE);
	assert_int_equal(commit(&t, t.app).merged, 3);
	buffer_init(&b, 1 << 20);
	series_cursor_init(&c, t.series, EXPOSITION_OPENMETRICS);
	assert_int_equal(series_write_some(&c, &b, 1 << 20), 0);
	assert_true(b.size > 6 * QUOTES && b.size <= series_page_max(t.series));
	buffer_done(&b);
	series_free(t.series);
}

static void reserved_names_are_refused(void **state)
{
	struct table t = table_of(&limits);
	struct series_counts c;

	(void)state;
	c = scrape(&t, t.app, "oxpecker_a 1\noxpecker_a{x=\"1\"} 2\noxpecker 3\n");
	assert_int_equal(c.dropped[SERIES_DROP_RESERVED], 2);
	assert_page(&t, "# TYPE oxpecker untyped\noxpecker 3\n");
	series_free(t.series);
}

/* Prometheus reads digits in text, and refuses a page with a sign there: nothing of all targets would be left. */
static void samples_from_before_1970_are_refused(void **state)
{
	struct table t = table_of(&limits);
	struct series_counts c;

	(void)state;
	c = scrape(&t, t.app, "a 1 -1\nb 2 -9223372036854775807\nc 3 0\nd 4 -0\ne 5\n");
	assert_int_equal(c.dropped[SERIES_DROP_TIMESTAMP], 2);
	assert_page(&t, "# TYPE c untyped\nc 3 0\n# TYPE d untyped\nd 4 0\n# TYPE e untyped\ne 5\n");
	series_begin(t.nginx);
	assert_int_equal(
		stage(t.nginx, EXPOSITION_OPENMETRICS, "f 6 -0.5\nf{g=\"h\"} 7 -0.0004\n# EOF\n"), EXPOSITION_FINE);
	assert_int_equal(commit(&t, t.nginx).dropped[SERIES_DROP_TIMESTAMP], 1);
	series_free(t.series);
}

static void families_hold_together(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	scrape(&t, t.app, "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nother 1\nh_sum 3\n"
		"h_count 2\n"
		"# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 2\ns_count 3\nh_max 4\n");
	assert_page(&t, "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n"
		"# TYPE h_max untyped\nh_max 4\n# TYPE other untyped\nother 1\n"
		"# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 2\ns_count 3\n");
	series_free(t.series);
}

/* Each sample has the name that it has in text; a counter that OpenMetrics could not call so is of unknown type. */
static void text_becomes_openmetrics(void **state)
{
	struct table t = table_of(&limits);
	struct series_cursor c;
	struct buffer b;

	(void)state;
	scrape(&t, t.app, "# TYPE a_total counter\n# HELP a_total A \"b\"\na_total 1 1500\n# TYPE b counter\nb 2\n"
		"# TYPE c_total counter\nc_total 3\n# TYPE c gauge\nc 4\nd 5\n# TYPE _total counter\n_total 6\n");
	buffer_init(&b, 1 << 20);
	series_cursor_init(&c, t.series, EXPOSITION_OPENMETRICS);
	assert_int_equal(series_write_some(&c, &b, 1 << 20), 0);
	assert_int_equal(buffer_append(&b, "", 1), 0);
	assert_string_equal(b.data, "# TYPE _total unknown\n_total 6\n"
		"# HELP a A \\\"b\\\"\n# TYPE a counter\na_total 1 1.500\n# TYPE b unknown\nb 2\n# TYPE c gauge\nc 4\n"
		"# TYPE c_total unknown\nc_total 3\n# TYPE d unknown\nd 5\n");
	buffer_done(&b);
	series_free(t.series);
}

/* Of counters and buckets alone; text has none, and neither has what the next scrape has none for. */
static void exemplars_are_kept_for_openmetrics(void **state)
{
	static const char page[] =
		"# TYPE c counter\nc_total{x=\"1\"} 1 1.5 # {trace_id=\"a\",\"b.c\"=\"\\\"\"} 0.50 1e9\n"
		"c_total{x=\"2\"} 1%s\n# TYPE g gauge\ng 1 # {a=\"b\"} 1\n"
		"# TYPE h histogram\nh_bucket{le=\"1\"} 1 # {} 0.1\nh_bucket{le=\"+Inf\"} 2\n"
		"h_sum 1 # {a=\"b\"} 1\nh_count 2\n"
		"# TYPE t counter\nt_total 1 # {a=\"%0127d\"} 1\nt_total{l=\"1\"} 1 # {a=\"%0128d\"} 1\n"
		"t_total{l=\"2\"} 1 # {a=\"b\"} 1 Inf\nt_total{l=\"3\"} 1 # {a=\"b\"} 1 9e15\n# EOF\n";
	char source[2000], wanted[2000];
	struct table t = table_of(&limits);

	(void)state;
	for (int round = 0; round < 4; round++) {
		const char *second = round % 2 ? "" : " # {a=\"b\"} 2";
		snprintf(source, sizeof source, page, second, 1, 1);
		snprintf(wanted, sizeof wanted,
			"# TYPE c counter\nc_total{x=\"1\"} 1 1.500 # {trace_id=\"a\",\"b.c\"=\"\\\"\"} 0.50 1e9\n"
			"c_total{x=\"2\"} 1%s\n# TYPE g gauge\ng 1\n"
			"# TYPE h histogram\nh_bucket{le=\"1\"} 1 # {} 0.1\nh_bucket{le=\"+Inf\"} 2\n"
			"h_sum 1\nh_count 2\n# TYPE t counter\nt_total 1 # {a=\"%0127d\"} 1\n"
			"t_total{l=\"1\"} 1\nt_total{l=\"2\"} 1\nt_total{l=\"3\"} 1\n",
			second, 1);
		series_begin(t.app);
		assert_int_equal(stage(t.app, EXPOSITION_OPENMETRICS, source), EXPOSITION_FINE);
		commit(&t, t.app);
		assert_page_of(&t, EXPOSITION_OPENMETRICS, wanted);
		assert_in_range(page_size(&t, EXPOSITION_OPENMETRICS), 1, series_page_max(t.series));
		assert_in_range(page_size(&t, EXPOSITION_TEXT), 1, strlen(wanted) - 100);
	}
	series_target_down(t.app);
	tidy(&t, t.app, 3);
	assert_int_equal(t.series->bytes, 0);
	series_free(t.series);
}

static void times_of_a_target_are_honoured_or_not(void **state)
{
	struct table t = table_of(&limits);
	struct series_counts c;

	(void)state;
	series_target_honor_timestamps(t.app, false);
	c = scrape(&t, t.app, "a 1 1500\nb 2 -1\n");
	assert_int_equal(c.merged, 2);
	assert_page(&t, "# TYPE a untyped\na 1\n# TYPE b untyped\nb 2\n");
	series_target_honor_timestamps(t.app, true);
	c = scrape(&t, t.app, "a 1 1500\nb 2 -1\n");
	assert_int_equal(c.dropped[SERIES_DROP_TIMESTAMP], 1);
	assert_page(&t, "# TYPE a untyped\na 1 1500\n");
	series_free(t.series);
}

static void openmetrics_becomes_text(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	series_begin(t.app);
	assert_int_equal(stage(t.app, EXPOSITION_OPENMETRICS, "# TYPE c counter\n# HELP c Say \\\"hi\\\"\n"
		"c_total{x=\"1\"} 1 1.5 # {} 1\n"
		"c_created{x=\"1\"} 1e9\nc_total{x=\"2\"} 1\nc_created{x=\"2\"} 1e9\n# TYPE i info\ni_info{v=\"1\"} 1\n"
		"# TYPE g gaugehistogram\ng_bucket{le=\"+Inf\"} 7\ng_gsum 1\ng_gcount 7\n# TYPE s stateset\n"
		"s{s=\"on\"} 1\n"
		"# TYPE u unknown\nu NaN\n# EOF\n"), 0);
	commit(&t, t.app);
	assert_page(&t, "# HELP c_created Say \"hi\"\n# TYPE c_created gauge\nc_created{x=\"1\"} 1e9\n"
		"c_created{x=\"2\"} 1e9\n"
		"# HELP c_total Say \"hi\"\n# TYPE c_total counter\nc_total{x=\"1\"} 1 1500\nc_total{x=\"2\"} 1\n"
		"# TYPE g histogram\ng_bucket{le=\"+Inf\"} 7\n# TYPE g_gcount gauge\ng_gcount 7\n"
		"# TYPE g_gsum gauge\ng_gsum 1\n# TYPE i_info gauge\ni_info{v=\"1\"} 1\n"
		"# TYPE s gauge\ns{s=\"on\"} 1\n# TYPE u untyped\nu NaN\n");
	series_free(t.series);
}

static void values_leave_as_they_came(void **state)
{
	struct table t = table_of(&limits);

	(void)state;
	scrape(&t, t.app, "a 1.0\nb 9007199254740993\nc +inf\nd 0.1000000000000000000000000000000\ne -0\n"
		"f{x=\"\\\\\\n\\\"\"} Nan\n");
	assert_page(&t, "# TYPE a untyped\na 1.0\n# TYPE b untyped\nb 9007199254740993\n# TYPE c untyped\nc +Inf\n"
		"# TYPE d untyped\nd 0.1\n# TYPE e untyped\ne -0\n# TYPE f untyped\nf{x=\"\\\\\\n\\\"\"} NaN\n");
	series_free(t.series);
}

static void labels_of_a_target_are_checked(void **state)
{
	static const struct series_label twice[] = { { "a", "1" }, { "a", "2" } }, bad = { "a.b", "1" }, odd = { "q",
		"\"\\\n" };
	struct table t = table_of(&limits);
	struct series_target *made = NULL;

	(void)state;
	assert_int_equal(series_target_new(t.series, twice, 2, &made), -EINVAL);
	assert_int_equal(series_target_new(t.series, &bad, 1, &made), -EINVAL);
	assert_null(made);
	made = target(t.series, &odd, 1);
	scrape(&t, made, "a 1\n");
	assert_page(&t, "# TYPE a untyped\na{q=\"\\\"\\\\\\n\"} 1\n");
	series_free(t.series);
}

/* A family that is half written when a scrape is committed is written again; it is never a mixture. */
static void a_page_is_consistent_by_family(void **state)
{
	static const char *const pages[] = {
		"a{x=\"1\"} 0\na{x=\"2\"} 0\na{x=\"3\"} 0\nb 0\n", "a{x=\"3\"} 1\na{x=\"4\"} 1\nc 1\nb 1\n",
		"c 2\na{x=\"1\"} 2\na{x=\"9\"} 2\n",
	};

	(void)state;
	for (unsigned first = 1; first < 200; first++) {
		struct table t = table_of(&limits);
		struct series_cursor c;
		struct buffer b;
		buffer_init(&b, 4096);
		scrape(&t, t.nginx, "z 1\n");
		series_cursor_init(&c, t.series, EXPOSITION_TEXT);
		for (unsigned i = 0; i < 200; i++) {
			if (i % 2 == 0)
				scrape(&t, t.app, pages[(i / 2 + first) % 3]);
			if (series_write_some(&c, &b, first % 40 + 1) == 0)
				break;
			assert_true(i < 199);
		}
		assert_int_equal(c.part, SERIES_PART_END);
		assert_int_equal(buffer_append(&b, "", 1), 0);
		for (const char *p = strstr(b.data, "\na{"), *v = NULL; p; p = strstr(p + 1, "\na{")) {
			const char *value = strchr(p + 1, '}') + 2;
			assert_true(!v || *v == *value);
			v = value;
		}
		assert_true(!strstr(b.data, "TYPE a") || !strstr(strstr(b.data, "TYPE a") + 1, "TYPE a"));
		buffer_done(&b);
		series_free(t.series);
	}
}

static void a_page_that_does_not_fit_fails(void **state)
{
	struct table t = table_of(&limits);
	struct series_cursor c;
	struct buffer b;

	(void)state;
	scrape(&t, t.app, "a{x=\"1\"} 0\na{x=\"2\"} 0\n");
	buffer_init(&b, 90);
	series_cursor_init(&c, t.series, EXPOSITION_TEXT);
	assert_int_equal(series_write_some(&c, &b, 1000), -ENOSPC);
	buffer_done(&b);
	series_free(t.series);
}

/* Many scrapes of ever changing pages, two targets, some abandoned: the table never loses count. */
/* As Prometheus reads it; else it would see a series twice. */
static void a_label_without_a_value_is_none(void **state)
{
	const struct series_label own = { "part", "" };
	struct table t = table_of(&limits);
	struct series_target *other;
	struct series_counts counts;

	(void)state;
	counts = scrape(&t, t.app, "a{x=\"\",y=\"1\"} 1\na{y=\"1\"} 2\nb{x=\"\"} 3\n{\"c.d\",x=\"\"} 4\n{\"c.d\"} 5\n");
	assert_int_equal(counts.dropped[SERIES_DROP_DUPLICATE], 2);
	assert_page(&t, "# TYPE a untyped\na{y=\"1\"} 1\n# TYPE b untyped\nb 3\n# TYPE c_d untyped\nc_d 4\n");
	assert_int_equal(series_target_new(t.series, &own, 1, &other), 0);
	counts = scrape(&t, other, "b 6\nb{part=\"q\"} 7\n");
	assert_int_equal(counts.dropped[SERIES_DROP_DUPLICATE], 1);
	assert_page(&t, "# TYPE a untyped\na{y=\"1\"} 1\n# TYPE b untyped\nb 3\nb{exported_part=\"q\"} 7\n"
		"# TYPE c_d untyped\nc_d 4\n");
	series_free(t.series);
}

/* Collectors that read no pages stage names of their own. */
static void a_name_that_no_page_has_is_refused(void **state)
{
	struct table t = table_of(&limits);
	char name[3 * SERIES_NAME_MAX];
	struct exposition_sample sample = { .name = { name, 0 }, .value_text = { "1", 1 }, .value = 1 };
	struct series_counts counts;

	(void)state;
	memset(name, 'x', sizeof name);
	for (sample.name.size = SERIES_NAME_MAX - 1; sample.name.size <= sizeof name; sample.name.size++) {
		series_begin(t.app);
		assert_int_equal(series_events.sample(t.app, &sample), 0);
		counts = commit(&t, t.app);
		assert_int_equal(counts.dropped[SERIES_DROP_SAMPLE_SIZE], sample.name.size > SERIES_NAME_MAX);
		assert_int_equal(counts.merged, sample.name.size <= SERIES_NAME_MAX);
		(void)page_size(&t, EXPOSITION_OPENMETRICS);
	}
	series_free(t.series);
}

static void a_long_life(void **state)
{
	struct table t = table_of(&limits);
	uint64_t x = 88172645463325252u;
	char page[4096];

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct series_target *which = round % 3 ? t.app : t.nginx;
		size_t size = 0;
		for (int i = 0; i < 30; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			size += (size_t)snprintf(page + size, sizeof page - size,
				x % 11 == 0 ? "# TYPE f%u %s\n" : "f%u{x=\"%s\"} 1\n",
				(unsigned)(x / 11 % 7), x % 2 ? "counter" : "gauge");
		}
		series_begin(which);
		assert_int_equal(stage(which, EXPOSITION_TEXT, page), 0);
		series_check(t.series);
		if (x % 5 == 0)
			series_abandon(which);
		else
			commit(&t, which);
		if (x % 7 == 0)
			series_target_down(which);
		series_check(t.series);
	}
	series_target_free(t.app);
	series_target_free(t.nginx);
	assert_int_equal(t.series->bytes, 0);
	series_free(t.series);
}

static void reasons_have_names(void **state)
{
	(void)state;
	for (int i = 0; i < SERIES_DROPS; i++)
		assert_non_null(series_drop_name((enum series_drop)i));
}

/* The family of a series follows from the types that the scrape declares: `h_sum` is its own family, or part of `h`. */
static void a_series_may_change_its_family(void **state)
{
	struct table t = table_of(&limits);
	size_t before;

	(void)state;
	scrape(&t, t.app, "# TYPE h summary\nh_sum 5\n");
	tidy(&t, t.app, 1);
	before = t.series->bytes;
	scrape(&t, t.app, "# TYPE h gauge\nh 1\nh_sum 5\n");
	scrape(&t, t.app, "# TYPE h summary\nh_sum 5\n");
	tidy(&t, t.app, 1);
	assert_int_equal(t.series->bytes, before);
	assert_page(&t, "# TYPE h summary\nh_sum 5\n");
	series_free(t.series);
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The least of a few commits of so many series, since a machine may be busy with something else. */
static int64_t cost_of_commit(struct series_target *t, const char *page)
{
	int64_t least = INT64_MAX;

	for (int i = 0; i < 5; i++) {
		struct series_counts c;
		int64_t begun, took;
		series_begin(t);
		assert_int_equal(stage(t, EXPOSITION_TEXT, page), EXPOSITION_FINE);
		begun = cpu_ns();
		series_commit(t, &c);
		took = cpu_ns() - begun;
		least = took < least ? took : least;
	}
	return least;
}

static void series_that_stay_cost_nothing_at_a_commit(void **state)
{
	enum { MANY = 30000, LINE = 64 };
	struct table t = table_of(&series_limits_default);
	char *page = oxp_new(MANY * LINE);
	size_t used = 0;

	(void)state;
	for (int i = 0; i < MANY; i++)
		used += (size_t)snprintf(page + used, MANY * LINE - used, "a%d{n=\"%d\"} 1\n", i % 100, i);
	scrape(&t, t.app, page);
	assert_true(cost_of_commit(t.app, page) < 1000000);
	assert_int_equal(series_target_count(t.app), MANY);
	series_check(t.series);
	free(page);
	series_free(t.series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scrape_is_visible_when_it_is_committed),
		cmocka_unit_test(an_abandoned_scrape_leaves_no_trace),
		cmocka_unit_test(what_is_scraped_no_more_is_gone),
		cmocka_unit_test(families_that_are_left_behind_take_their_part_of_a_slice),
		cmocka_unit_test(a_target_may_go_down_while_it_is_scraped),
		cmocka_unit_test(two_targets_share_a_page),
		cmocka_unit_test(types_that_clash_are_refused_by_family),
		cmocka_unit_test(types_that_clash_at_the_commit),
		cmocka_unit_test(types_that_clash_after_a_target_was_down),
		cmocka_unit_test(two_types_in_one_scrape),
		cmocka_unit_test(doubles_are_refused),
		cmocka_unit_test(ceilings_hold),
		cmocka_unit_test(the_ceiling_holds_between_two_scrapes_under_way),
		cmocka_unit_test(memory_has_a_ceiling),
		cmocka_unit_test(a_page_is_paid_for_with_its_series),
		cmocka_unit_test(help_is_counted_as_it_is_written),
		cmocka_unit_test(quotes_in_help_are_counted_as_openmetrics_writes_them),
		cmocka_unit_test(reserved_names_are_refused),
		cmocka_unit_test(samples_from_before_1970_are_refused),
		cmocka_unit_test(families_hold_together),
		cmocka_unit_test(text_becomes_openmetrics),
		cmocka_unit_test(openmetrics_becomes_text),
		cmocka_unit_test(exemplars_are_kept_for_openmetrics),
		cmocka_unit_test(times_of_a_target_are_honoured_or_not),
		cmocka_unit_test(values_leave_as_they_came),
		cmocka_unit_test(labels_of_a_target_are_checked),
		cmocka_unit_test(a_page_is_consistent_by_family),
		cmocka_unit_test(a_page_that_does_not_fit_fails),
		cmocka_unit_test(a_long_life),
		cmocka_unit_test(a_name_that_no_page_has_is_refused),
		cmocka_unit_test(a_label_without_a_value_is_none),
		cmocka_unit_test(series_that_stay_cost_nothing_at_a_commit),
		cmocka_unit_test(a_series_may_change_its_family),
		cmocka_unit_test(reasons_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
