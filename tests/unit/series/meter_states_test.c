/*
 * Meters whose user knows all that there was: states that are set or added up, bounds of a meter's own, owners, and the
 * end of one.
 */
#include "unit/unit.h"

#include "series/meters.h"
#include "series/meters_table.h"
#include "unit/series/table_bench.h"

static const struct series_limits wide = { .series = 10000, .family_series = 5000, .bytes = 4 << 20 };
static const double bounds[] = { 0.5, 1 };

struct bench {
	struct series *series;
	struct meters *meters;
	struct mono_time now;
	struct meter_owner owner; /* of those that have no other */
};

static struct bench bench_of(size_t series)
{
	struct meters_limits limits = { .series = series, .family_series = 500, .label = 64, .window = { 1 } };
	struct bench b = { .series = series_new(&wide, 5), .now = { 1000000000 } };

	assert_int_equal(meters_new(b.series, NULL, 0, &limits, &b.meters), 0);
	return b;
}

static void done(struct bench *b)
{
	meters_check(b->meters);
	meters_free(b->meters);
	series_check(b->series);
	assert_int_equal(b->series->bytes, 0);
	series_free(b->series);
}

static struct meter_wanted wanted(enum meter_kind kind, const char *name, const struct meter_label *label)
{
	return (struct meter_wanted){ .name = bytes_of(name),
		.kind = kind,
		.help = "Help.",
		.bounds = bounds,
		.bound_count = meter_has_scale(kind) ? COUNT_OF(bounds) : 0,
		.labels = label,
		.label_count = 1,
		.whole = true };
}

static struct meter *get(struct bench *b, const struct meter_wanted *w, enum meter_refusal expected)
{
	struct meter_wanted owned = *w;
	enum meter_refusal why;
	struct meter *meter;

	if (!w->owner)
		owned.owner = &b->owner;
	meter = meters_get(b->meters, &owned, b->now, &why);

	assert_int_equal(why, expected);
	meters_check(b->meters);
	return meter;
}

static void assert_shows(struct bench *b, const char *page)
{
	struct table t = { .series = b->series };
	struct series_counts counts;

	meters_show(b->meters, b->now);
	while (meters_show_some(b->meters, 1))
		;
	meters_shown(b->meters, &counts);
	while (series_tidy(meters_target(b->meters), 7))
		;
	assert_page(&t, page);
}

static void states_are_set_and_added_up(void **state)
{
	struct meter_label label = { bytes_of("m"), bytes_of("1") };
	struct meter_wanted w = wanted(METER_HISTOGRAM, "h", &label), counter = wanted(METER_COUNTER, "c", &label);
	const uint64_t first[] = { 1, 2, 3 }, second[] = { 10, 0, 1 };
	struct bench b = bench_of(100);
	struct meter *h = get(&b, &w, METER_FITS), *c = get(&b, &counter, METER_FITS);

	(void)state;
	meter_set_state(h, &(struct meter_state){ .buckets = first, .sum = 9 }, b.now);
	meter_add_state(h, &(struct meter_state){ .buckets = second, .sum = 0.5 }, b.now);
	meter_set(c, 5, b.now);
	meter_set(c, 2.5, b.now); /* its source began anew */
	assert_shows(&b, "# HELP c Help.\n# TYPE c counter\nc{m=\"1\"} 2.5\n"
			 "# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"0.5\",m=\"1\"} 11\n"
			 "h_bucket{le=\"1\",m=\"1\"} 13\nh_bucket{le=\"+Inf\",m=\"1\"} 17\nh_sum{m=\"1\"} 9.5\n"
			 "h_count{m=\"1\"} 17\n");
	meter_set_state(h, &(struct meter_state){ .buckets = first, .no_sum = true }, b.now);
	meters_end(b.meters, c);
	assert_shows(&b, "# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"0.5\",m=\"1\"} 1\n"
			 "h_bucket{le=\"1\",m=\"1\"} 3\nh_bucket{le=\"+Inf\",m=\"1\"} 6\nh_count{m=\"1\"} 6\n");
	done(&b);
}

static void a_summary_has_its_quantiles(void **state)
{
	struct meter_label label = { bytes_of("z"), bytes_of("1") }, taken = { bytes_of("quantile"), bytes_of("1") };
	struct meter_wanted w = wanted(METER_SUMMARY, "s", &label);
	const double values[] = { 7.5, 1e300 };
	struct bench b = bench_of(100);

	(void)state;
	meter_set_state(
		get(&b, &w, METER_FITS), &(struct meter_state){ .values = values, .count = 4, .sum = 20 }, b.now);
	w.labels = &taken;
	assert_null(get(&b, &w, METER_LABEL_NAME));
	w.labels = &label;
	w.bound_count = 0;
	assert_shows(&b, "# HELP s Help.\n# TYPE s summary\ns{quantile=\"0.5\",z=\"1\"} 7.5\n"
			 "s{quantile=\"1\",z=\"1\"} 1e+300\ns_sum{z=\"1\"} 20\ns_count{z=\"1\"} 4\n");
	meter_set_state(get(&b, &w, METER_FITS), &(struct meter_state){ .count = 1, .sum = 2 }, b.now);
	assert_shows(&b, "# HELP s Help.\n# TYPE s summary\ns_sum{z=\"1\"} 2\ns_count{z=\"1\"} 1\n");
	done(&b);
}

static void each_meter_has_its_own_bounds(void **state)
{
	struct meter_label labels[] = { { bytes_of("m"), bytes_of("1") }, { bytes_of("m"), bytes_of("2") } };
	static const double others[] = { 3 };
	struct meter_wanted w = wanted(METER_HISTOGRAM, "h", &labels[0]);
	struct bench b = bench_of(9); /* 5 of one, 4 of the other */

	(void)state;
	meter_observe(get(&b, &w, METER_FITS), 1, 1, b.now);
	w.labels = &labels[1];
	w.bounds = others;
	w.bound_count = COUNT_OF(others);
	meter_observe(get(&b, &w, METER_FITS), 1, 2, b.now);
	assert_int_equal(meters_series(b.meters), 9);
	assert_shows(&b, "# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"0.5\",m=\"1\"} 0\n"
			 "h_bucket{le=\"1\",m=\"1\"} 1\nh_bucket{le=\"+Inf\",m=\"1\"} 1\nh_sum{m=\"1\"} 1\n"
			 "h_count{m=\"1\"} 1\nh_bucket{le=\"3\",m=\"2\"} 2\nh_bucket{le=\"+Inf\",m=\"2\"} 2\n"
			 "h_sum{m=\"2\"} 2\nh_count{m=\"2\"} 2\n");
	w.labels = &labels[0]; /* its source began anew, with these */
	meter_observe(get(&b, &w, METER_FITS), 4, 1, b.now);
	assert_int_equal(meters_series(b.meters), 8);
	w.labels = &labels[1];
	w.bounds = bounds;
	w.bound_count = COUNT_OF(bounds);
	meter_observe(get(&b, &w, METER_FITS), 4, 1, b.now);
	assert_int_equal(meters_series(b.meters), 9);
	done(&b);
}

static void the_only_one_of_a_family_may_change_its_bounds(void **state)
{
	struct meter_label label = { bytes_of("m"), bytes_of("1") };
	struct meter_wanted w = wanted(METER_HISTOGRAM, "h", &label);
	struct bench b = bench_of(100);

	(void)state;
	meter_observe(get(&b, &w, METER_FITS), 1, 1, b.now);
	w.bound_count = 0;
	meter_observe(get(&b, &w, METER_FITS), 2, 1, b.now);
	assert_shows(&b, "# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"+Inf\",m=\"1\"} 1\nh_sum{m=\"1\"} 2\n"
			 "h_count{m=\"1\"} 1\n");
	done(&b);
}

static void what_is_sent_whole_goes_into_no_overflow(void **state)
{
	struct meter_label labels[] = { { bytes_of("m"), bytes_of("1") }, { bytes_of("m"), bytes_of("2") } };
	struct meter_wanted w = wanted(METER_COUNTER, "c", &labels[0]);
	struct bench b = bench_of(1);

	(void)state;
	meter_set(get(&b, &w, METER_FITS), 1, b.now);
	w.labels = &labels[1];
	assert_null(get(&b, &w, METER_SERIES_CEILING));
	w.whole = false;
	meter_add(get(&b, &w, METER_SERIES_CEILING), 5, b.now);
	assert_shows(&b, "# HELP c Help.\n# TYPE c counter\nc{m=\"1\"} 1\nc{overflow=\"true\"} 5\n");
	done(&b);
}

static void a_meter_may_live_as_long_as_its_owner(void **state)
{
	struct meter_label labels[] = { { bytes_of("m"), bytes_of("1") }, { bytes_of("m"), bytes_of("2") } };
	struct meter_owner owner = { .alive = { 1000000000 } };
	struct meter_wanted w = wanted(METER_COUNTER, "c", &labels[0]);
	struct bench b = bench_of(10);

	(void)state;
	w.ttl = DURATION_S(10);
	w.owner = &owner;
	meter_add(get(&b, &w, METER_FITS), 1, b.now);
	w.labels = &labels[1];
	w.as_owner = true;
	owner.main = get(&b, &w, METER_FITS);
	assert_int_equal(owner.meters, 2);
	b.now.ns += DURATION_S(11).ns;
	owner.alive = b.now;
	meters_age(b.meters, b.now, 10);
	assert_int_equal(owner.meters, 1);
	assert_non_null(owner.main);
	b.now.ns += DURATION_S(11).ns;
	meters_age(b.meters, b.now, 10);
	assert_int_equal(owner.meters, 0);
	assert_null(owner.main);
	assert_int_equal(meters_families(b.meters), 0);
	done(&b);
}

/* Whatever is shown next when it ends. */
static void one_may_end_while_they_are_shown(void **state)
{
	(void)state;
	for (size_t slices = 0; slices < 8; slices++) {
		struct bench b = bench_of(100);
		struct series_counts counts;
		struct meter *meters[4];
		for (unsigned i = 0; i < 4; i++) {
			char value[2] = { (char)('a' + i), '\0' };
			struct meter_label label = { bytes_of("m"), bytes_of(value) };
			struct meter_wanted w = wanted(METER_GAUGE, i == 0 ? "one" : "two", &label);
			meters[i] = get(&b, &w, METER_FITS);
		}
		meters_show(b.meters, b.now);
		for (size_t i = 0; i < slices && meters_show_some(b.meters, 1); i++)
			;
		for (unsigned i = 0; i < 4; i++) {
			meters_end(b.meters, meters[i]);
			meters_check(b.meters);
		}
		while (meters_show_some(b.meters, 1))
			;
		meters_shown(b.meters, &counts);
		series_check(b.series);
		assert_shows(&b, "");
		done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_are_set_and_added_up),
		cmocka_unit_test(a_summary_has_its_quantiles),
		cmocka_unit_test(each_meter_has_its_own_bounds),
		cmocka_unit_test(the_only_one_of_a_family_may_change_its_bounds),
		cmocka_unit_test(what_is_sent_whole_goes_into_no_overflow),
		cmocka_unit_test(a_meter_may_live_as_long_as_its_owner),
		cmocka_unit_test(one_may_end_while_they_are_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
