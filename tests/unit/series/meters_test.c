/*
 * Meters: what events make of them, held against a plain model; ceilings, time, and how they come to the page.
 */
#include "unit/unit.h"

#include <stdio.h>

#include "base/random.h"
#include "series/meters.h"
#include "series/meters_table.h"
#include "unit/series/table_bench.h"

static const struct series_limits wide = { .series = 10000, .family_series = 5000, .bytes = 4 << 20 };
static const double bounds[] = { 0.5, 1, 5 };

struct bench {
	struct series *series;
	struct meters *meters;
	struct mono_time now;
};

static struct bench bench_of(struct meters_limits limits)
{
	struct bench b = { .series = series_new(&wide, 5), .now = { 1000000000 } };

	limits.window = DURATION_S(10);
	assert_int_equal(meters_new(b.series, NULL, 0, &limits, &b.meters), 0);
	return b;
}

static struct bench plenty(void)
{
	return bench_of((struct meters_limits){ .series = 1000, .family_series = 500, .label = 64 });
}

static void done(struct bench *b)
{
	meters_check(b->meters);
	meters_free(b->meters);
	series_check(b->series);
	assert_int_equal(b->series->bytes, 0);
	series_free(b->series);
}

static struct meter_wanted wanted(enum meter_kind kind, const char *name)
{
	return (struct meter_wanted){
		.name = bytes_of(name),
		.kind = kind,
		.help = "Help.",
		.factor = 2,
		.bounds = bounds,
		.bound_count = kind == METER_HISTOGRAM ? COUNT_OF(bounds) : 0,
	};
}

static struct meter *known(struct bench *b, const struct meter_raw *raw)
{
	double factor = 0;
	struct meter *meter = meters_known(b->meters, raw, &factor);

	assert_true(!meter || factor == 2);
	return meter;
}

/* With one label a="value". */
static struct meter *get(struct bench *b, enum meter_kind kind, const char *name, const char *value)
{
	struct meter_label label = { bytes_of("a"), bytes_of(value) };
	struct meter_wanted w = wanted(kind, name);
	struct meter *meter;

	w.labels = &label;
	w.label_count = 1;
	meter = meters_get(b->meters, &w, b->now, NULL);
	meters_check(b->meters);
	return meter;
}

/* In slices of that many series. */
static struct series_counts show(struct bench *b, size_t series)
{
	struct series_counts counts;

	meters_show(b->meters, b->now);
	while (meters_show_some(b->meters, series))
		series_check(b->series);
	meters_shown(b->meters, &counts);
	series_check(b->series);
	while (series_tidy(meters_target(b->meters), 7))
		;
	return counts;
}

static void assert_shows(struct bench *b, const char *page)
{
	struct table t = { .series = b->series };

	for (size_t series = 1; series < 9; series += 3) {
		(void)show(b, series);
		assert_page(&t, page);
	}
}

static void each_kind_is_on_the_page(void **state)
{
	struct bench b = plenty();
	struct meter *h;

	(void)state;
	meter_add(get(&b, METER_COUNTER, "hits", "1"), 2, b.now);
	meter_add(get(&b, METER_COUNTER, "hits", "1"), 0.5, b.now);
	meter_add(get(&b, METER_COUNTER, "hits", "q\"\\\n"), 1, b.now);
	meter_set(get(&b, METER_GAUGE, "level", "1"), 7, b.now);
	meter_add(get(&b, METER_GAUGE, "level", "1"), -9.5, b.now);
	h = get(&b, METER_HISTOGRAM, "took", "1");
	meter_observe(h, 0.5, 1, b.now);
	meter_observe(h, 0.75, 2, b.now);
	meter_observe(h, 9, 1, b.now);
	assert_shows(&b,
		"# HELP hits Help.\n# TYPE hits counter\nhits{a=\"1\"} 2.5\nhits{a=\"q\\\"\\\\\\n\"} 1\n"
		"# HELP level Help.\n# TYPE level gauge\nlevel{a=\"1\"} -2.5\n"
		"# HELP took Help.\n# TYPE took histogram\ntook_bucket{a=\"1\",le=\"0.5\"} 1\n"
		"took_bucket{a=\"1\",le=\"1\"} 3\ntook_bucket{a=\"1\",le=\"5\"} 3\ntook_bucket{a=\"1\",le=\"+Inf\"} 4\n"
		"took_sum{a=\"1\"} 11\ntook_count{a=\"1\"} 4\n");
	done(&b);
}

static void labels_are_sorted_and_the_last_of_two_counts(void **state)
{
	struct meter_label labels[] = { { bytes_of("z"), bytes_of("1") }, { bytes_of("l"), bytes_of("2") },
		{ bytes_of("lf"), bytes_of("3") }, { bytes_of("l"), bytes_of("4") }, { bytes_of("e"), bytes_of("") } };
	struct meter_wanted w = wanted(METER_HISTOGRAM, "h");
	struct bench b = plenty();

	(void)state;
	w.bound_count = 0;
	w.labels = labels;
	w.label_count = COUNT_OF(labels);
	meter_observe(meters_get(b.meters, &w, b.now, NULL), 2, 1, b.now);
	assert_shows(&b, "# HELP h Help.\n# TYPE h histogram\nh_bucket{l=\"4\",le=\"+Inf\",lf=\"3\",z=\"1\"} 1\n"
			 "h_sum{l=\"4\",lf=\"3\",z=\"1\"} 2\nh_count{l=\"4\",lf=\"3\",z=\"1\"} 1\n");
	done(&b);
}

static void a_meter_is_found_by_its_raw_bytes(void **state)
{
	struct bench b = plenty();
	struct meter_wanted w = wanted(METER_COUNTER, "hits");
	struct meter_raw raw = { 'c', bytes_of("hits"), bytes_of("b:1,a:2"), bytes_of("") }, other = raw;
	struct meter *made;

	(void)state;
	w.raw = &raw;
	assert_null(known(&b, &raw));
	made = meters_get(b.meters, &w, b.now, NULL);
	assert_ptr_equal(known(&b, &raw), made);
	assert_ptr_equal(meters_get(b.meters, &w, b.now, NULL), made);
	other.kind = 'g';
	assert_null(known(&b, &other));
	other = raw;
	other.more = bytes_of("x");
	assert_null(known(&b, &other));
	other = (struct meter_raw){ 'c', bytes_of("hitsb"), bytes_of(":1,a:2"), bytes_of("") };
	assert_null(known(&b, &other));
	meters_check(b.meters);
	done(&b);
}

static void only_so_many_spellings_of_a_meter_are_kept(void **state)
{
	struct bench b = plenty();
	struct meter_wanted w = wanted(METER_COUNTER, "hits");
	size_t count = 0;

	(void)state;
	for (int i = 0; i < 3 * METER_RAWS_MAX; i++) {
		char text[8];
		snprintf(text, sizeof text, "%d", i);
		struct meter_raw raw = { 'c', bytes_of("hits"), bytes_of(text), bytes_of("") };
		w.raw = &raw;
		assert_non_null(meters_get(b.meters, &w, b.now, NULL));
		count += known(&b, &raw) != NULL;
		meters_check(b.meters);
	}
	assert_int_equal(count, METER_RAWS_MAX);
	done(&b);
}

static void beyond_a_ceiling_the_family_has_one_overflow(void **state)
{
	struct bench b = bench_of((struct meters_limits){ .series = 5, .family_series = 3, .label = 4 });
	const struct meters_counts *counts = meters_counts(b.meters);

	(void)state;
	for (int i = 0; i < 6; i++) {
		char value[8];
		snprintf(value, sizeof value, "%d", i);
		meter_add(get(&b, METER_COUNTER, "many", value), 1, b.now);
	}
	meter_add(get(&b, METER_COUNTER, "many", "12345"), 1, b.now);
	meter_add(get(&b, METER_COUNTER, "many", "1"), 1, b.now);
	assert_int_equal(counts->by[METER_FAMILY_CEILING], 3);
	assert_int_equal(counts->by[METER_LABEL_SIZE], 1);
	assert_string_equal(counts->latest[METER_FAMILY_CEILING], "many");
	meter_set(get(&b, METER_GAUGE, "b", "1"), 1, b.now);
	meter_set(get(&b, METER_GAUGE, "b", "2"), 2, b.now);
	meter_set(get(&b, METER_GAUGE, "b", "3"), 3, b.now);
	assert_int_equal(counts->by[METER_SERIES_CEILING], 1);
	assert_null(get(&b, METER_GAUGE, "c", "1"));
	assert_int_equal(counts->by[METER_SERIES_CEILING], 2);
	assert_string_equal(counts->latest[METER_SERIES_CEILING], "c");
	assert_shows(&b, "# HELP b Help.\n# TYPE b gauge\nb{a=\"1\"} 1\nb{a=\"2\"} 2\nb{overflow=\"true\"} 3\n"
			 "# HELP many Help.\n# TYPE many counter\nmany{a=\"0\"} 1\nmany{a=\"1\"} 2\nmany{a=\"2\"} 1\n"
			 "many{overflow=\"true\"} 4\n");
	done(&b);
}

static void a_histogram_counts_as_all_its_series(void **state)
{
	struct bench b = bench_of((struct meters_limits){ .series = 11, .family_series = 11, .label = 4 });

	(void)state;
	assert_non_null(get(&b, METER_HISTOGRAM, "h", "1"));
	assert_int_equal(meters_series(b.meters), 6);
	meter_observe(get(&b, METER_HISTOGRAM, "h", "2"), 1, 1, b.now);
	assert_int_equal(meters_counts(b.meters)->by[METER_SERIES_CEILING], 1);
	assert_int_equal(meters_series(b.meters), 6);
	assert_int_equal(show(&b, 1).merged, 12);
	done(&b);
}

static void what_no_page_could_have_is_refused(void **state)
{
	struct bench b = plenty();
	struct meter_label label = { bytes_of("le"), bytes_of("1") };
	struct meter_wanted w = wanted(METER_HISTOGRAM, "h");

	(void)state;
	w.labels = &label;
	w.label_count = 1;
	assert_null(meters_get(b.meters, &w, b.now, NULL));
	w = wanted(METER_COUNTER, "c");
	w.labels = &label;
	w.label_count = 1;
	label.name = bytes_of("__name__");
	assert_null(meters_get(b.meters, &w, b.now, NULL));
	assert_int_equal(meters_counts(b.meters)->by[METER_LABEL_NAME], 2);
	label.name = bytes_of("le");
	assert_non_null(meters_get(b.meters, &w, b.now, NULL));
	assert_null(get(&b, METER_GAUGE, "c", "1"));
	assert_int_equal(meters_counts(b.meters)->by[METER_TYPE_CLASH], 1);
	assert_int_equal(meters_families(b.meters), 1);
	done(&b);
}

static void without_memory_nothing_is_left_behind(void **state)
{
	struct bench b = plenty();
	struct meter_wanted w = wanted(METER_HISTOGRAM, "h");

	(void)state;
	for (size_t bytes = 0; bytes < 3000; bytes += 16) {
		struct meter *meter;
		b.series->limits.bytes = bytes;
		meter = meters_get(b.meters, &w, b.now, NULL);
		meters_check(b.meters);
		if (meter)
			break;
		assert_int_equal(b.series->bytes, 0);
		assert_int_equal(meters_families(b.meters), 0);
	}
	assert_int_equal(meters_families(b.meters), 1);
	assert_true(meters_counts(b.meters)->by[METER_BYTES] > 0);
	assert_null(get(&b, METER_HISTOGRAM, "h", "x")); /* nor is there room for an overflow */
	b.series->limits.bytes = wide.bytes;
	assert_non_null(get(&b, METER_HISTOGRAM, "h", "x"));
	done(&b);
}

static void small_numbers_count_beyond_the_precision_of_a_double(void **state)
{
	struct bench b = plenty();
	struct meter *meter = get(&b, METER_COUNTER, "c", "1");

	(void)state;
	meter_add(meter, 0x1p60, b.now);
	for (int i = 0; i < 1000; i++)
		meter_add(meter, 1, b.now);
	assert_true(meter->whole == (UINT64_C(1) << 60) + 1000);
	meter_add(meter, 1e300, b.now);
	assert_true(meter->whole == (UINT64_C(1) << 60) + 1000 && meter->part == 1e300);
	for (int i = 0; i < 32; i++)
		meter_add(meter, 0x1p62, b.now); /* more than 64 bits hold */
	assert_true(meter->whole >= UINT64_C(1) << 63);
	done(&b);
}

static void weights_are_right_in_sum(void **state)
{
	struct bench b = plenty();
	struct meter *meter = get(&b, METER_HISTOGRAM, "h", "1");

	(void)state;
	for (int i = 0; i < 300; i++) {
		meter_observe(meter, 0.7, 1 / 0.3, b.now);
		meters_check(b.meters);
	}
	assert_int_equal(meter->counts[1], 1000);
	assert_true(meter->part > 699.999999 && meter->part < 700.000001);
	done(&b);
}

static void after(struct bench *b, int64_t ms)
{
	b->now.ns += ms * 1000000;
}

static void a_meter_ends_when_nothing_touches_it(void **state)
{
	struct bench b = plenty();
	struct meter_wanted w = wanted(METER_COUNTER, "c");
	struct meter_raw raw = { 'c', bytes_of("c"), bytes_of(""), bytes_of("") };

	(void)state;
	w.ttl = DURATION_S(10);
	w.raw = &raw;
	meter_add(meters_get(b.meters, &w, b.now, NULL), 1, b.now);
	meter_set(get(&b, METER_GAUGE, "forever", "1"), 1, b.now);
	for (int i = 0; i < 5; i++) {
		after(&b, 10000);
		meters_age(b.meters, b.now, 100);
		meter_add(known(&b, &raw), 1, b.now); /* used: it does not fall */
	}
	assert_true(known(&b, &raw)->whole == 6);
	after(&b, 10001);
	meters_show(b.meters, b.now);
	meters_age(b.meters, b.now, 100);
	assert_non_null(known(&b, &raw)); /* not while it is shown */
	(void)show(&b, 1);
	meters_age(b.meters, b.now, 100);
	meters_check(b.meters);
	assert_null(known(&b, &raw));
	assert_int_equal(meters_families(b.meters), 1);
	assert_shows(&b, "# HELP forever Help.\n# TYPE forever gauge\nforever{a=\"1\"} 1\n");
	done(&b);
}

static void insert(struct bench *b, struct meter *meter, int first, int count)
{
	for (int i = first; i < first + count; i++) {
		char value[16];
		snprintf(value, sizeof value, "%d", i);
		meter_insert(b->meters, meter, bytes_of(value), b->now);
	}
	meters_check(b->meters);
}

static void a_set_shows_how_many_the_last_window_had(void **state)
{
	struct bench b = plenty();
	struct meter *set = get(&b, METER_SET, "users", "1");

	(void)state;
	assert_shows(&b, "# HELP users Help.\n# TYPE users gauge\nusers{a=\"1\"} 0\n");
	insert(&b, set, 0, 300);
	insert(&b, set, 100, 300);
	assert_int_equal(meter_members(b.meters, set, b.now), 0);
	after(&b, 10000);
	assert_shows(&b, "# HELP users Help.\n# TYPE users gauge\nusers{a=\"1\"} 400\n");
	insert(&b, set, 0, 5);
	assert_int_equal(meter_members(b.meters, set, b.now), 400);
	after(&b, 9999);
	insert(&b, set, 3, 5);
	assert_int_equal(meter_members(b.meters, set, b.now), 400);
	after(&b, 1);
	assert_int_equal(meter_members(b.meters, set, b.now), 8);
	after(&b, 10000);
	assert_int_equal(meter_members(b.meters, set, b.now), 0); /* nothing came */
	insert(&b, set, 0, 1);
	assert_int_equal(meter_members(b.meters, set, b.now), 0);
	assert_null(get(&b, METER_GAUGE, "users", "1"));
	done(&b);
}

static void a_set_has_a_ceiling(void **state)
{
	struct bench b = plenty();
	struct meter *set = get(&b, METER_SET, "users", "1");

	(void)state;
	insert(&b, set, 0, METER_MEMBERS_MAX + 100);
	insert(&b, set, 0, 1000); /* these are in it */
	assert_int_equal(meters_counts(b.meters)->by[METER_MEMBERS], 100);
	assert_string_equal(meters_counts(b.meters)->latest[METER_MEMBERS], "users");
	after(&b, 10000);
	assert_int_equal(meter_members(b.meters, set, b.now), METER_MEMBERS_MAX);
	done(&b);
}

/* A plain model: counters by their label, with time and ceilings. */
enum { NAMES = 12, ROOM = 8 };
struct model {
	uint64_t values[NAMES], overflow;
	int64_t touched[NAMES]; /* 0: not there */
	int64_t overflow_touched;
	size_t count;
};

static void model_add(struct model *m, struct bench *b, unsigned name, unsigned by)
{
	if (m->touched[name] == 0 && m->count == ROOM) {
		m->overflow += by;
		m->overflow_touched = b->now.ns;
		return;
	}
	m->count += m->touched[name] == 0;
	m->touched[name] = b->now.ns;
	m->values[name] += by;
}

static void model_age(struct model *m, struct bench *b, int64_t ttl)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (m->touched[i] && b->now.ns - m->touched[i] > ttl) {
			m->touched[i] = 0;
			m->values[i] = 0;
			m->count--;
		}
	if (m->overflow_touched && b->now.ns - m->overflow_touched > ttl) {
		m->overflow = 0;
		m->overflow_touched = 0;
	}
}

static void compare(const struct model *m, const struct bench *b)
{
	const struct meter_family *f = b->meters->first;
	size_t meters = 0;

	for (const struct meter *meter = f ? f->first : NULL; meter; meter = meter->next) {
		const char *labels = meter_labels(meter) + sizeof(struct meter_head) + 1;
		assert_int_equal(meter->whole, m->values[labels[0] - 'a']);
		meters++;
	}
	assert_int_equal(meters, m->count);
	assert_int_equal(f && f->overflow ? f->overflow->whole : 0, m->overflow);
}

static void a_long_run_equals_a_plain_model(void **state)
{
	struct bench b = bench_of((struct meters_limits){ .series = ROOM, .family_series = 100, .label = 64 });
	struct model m = { .count = 0 };
	struct random r;

	(void)state;
	random_seed(&r, 7);
	for (int i = 0; i < 20000; i++) {
		unsigned name = (unsigned)random_below(&r, NAMES), by = (unsigned)random_below(&r, 100);
		char value[2] = { (char)('a' + name), '\0' };
		struct meter_label label = { bytes_of("a"), bytes_of(value) };
		struct meter_raw raw = { 'c', bytes_of("c"), bytes_of(value), bytes_of("") };
		struct meter_wanted w = wanted(METER_COUNTER, "c");
		struct meter *meter = known(&b, &raw);
		w.labels = &label;
		w.label_count = 1;
		w.raw = &raw;
		w.ttl = DURATION_MS(5);
		if (!meter)
			meter = meters_get(b.meters, &w, b.now, NULL);
		if (meter)
			meter_add(meter, by, b.now);
		model_add(&m, &b, name, meter ? by : 0);
		after(&b, (int64_t)random_below(&r, 2));
		meters_age(b.meters, b.now, 1000);
		model_age(&m, &b, DURATION_MS(5).ns);
		meters_check(b.meters);
		compare(&m, &b);
		if (i % 1000 == 0)
			(void)show(&b, 3);
	}
	done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_on_the_page),
		cmocka_unit_test(labels_are_sorted_and_the_last_of_two_counts),
		cmocka_unit_test(a_meter_is_found_by_its_raw_bytes),
		cmocka_unit_test(only_so_many_spellings_of_a_meter_are_kept),
		cmocka_unit_test(beyond_a_ceiling_the_family_has_one_overflow),
		cmocka_unit_test(a_histogram_counts_as_all_its_series),
		cmocka_unit_test(what_no_page_could_have_is_refused),
		cmocka_unit_test(without_memory_nothing_is_left_behind),
		cmocka_unit_test(small_numbers_count_beyond_the_precision_of_a_double),
		cmocka_unit_test(weights_are_right_in_sum),
		cmocka_unit_test(a_meter_ends_when_nothing_touches_it),
		cmocka_unit_test(a_set_shows_how_many_the_last_window_had),
		cmocka_unit_test(a_set_has_a_ceiling),
		cmocka_unit_test(a_long_run_equals_a_plain_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
