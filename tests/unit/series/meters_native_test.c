/*
 * Native histograms among the meters: what they come to, beside classic ones of their family; exemplars; without
 * memory; and in another life.
 */
#include "unit/scratch.h"
#include "unit/unit.h"

#include <errno.h>

#include "proto/metric_family.h"
#include "series/meters_table.h"
#include "unit/series/table_bench.h"

enum { SEED = 3 };

static const struct series_limits wide = { .series = 10000, .family_series = 5000, .bytes = 4 << 20 };
static const double bounds[] = { 1 };

struct bench {
	struct series *series;
	struct meters *meters;
	struct mono_time now;
	struct meter_owner owner;
	struct sums_file *file;
};

static void begin(struct bench *b, const struct series_limits *limits)
{
	const struct meters_limits l = { .series = 100, .family_series = 50, .label = 64, .window = { 1 } };

	*b = (struct bench){ .series = series_new(limits, 5), .now = { 1000000000 } };
	assert_int_equal(meters_new(b->series, NULL, 0, &l, &b->meters), 0);
}

static void done(struct bench *b)
{
	meters_check(b->meters);
	meters_free(b->meters);
	sums_file_close(b->file);
	series_check(b->series);
	assert_int_equal(b->series->bytes, 0);
	series_free(b->series);
}

static struct meter_wanted wanted(struct bench *b, enum meter_kind kind, const struct meter_label *label)
{
	return (struct meter_wanted){ .name = bytes_of("h"),
		.kind = kind,
		.help = "Help.",
		.bounds = bounds,
		.bound_count = meter_has_scale(kind) ? COUNT_OF(bounds) : 0,
		.labels = label,
		.label_count = 1,
		.owner = &b->owner,
		.saved = b->file };
}

static struct meter *get(struct bench *b, enum meter_kind kind, const char *value)
{
	const struct meter_label label = { bytes_of("m"), bytes_of(value) };
	struct meter_wanted w = wanted(b, kind, &label);
	enum meter_refusal why;
	struct meter *meter = meters_get(b->meters, &w, b->now, &why);

	assert_int_equal(why, METER_FITS);
	meters_check(b->meters);
	return meter;
}

/* With `count` in each of the buckets from `from` on, and one below zero. */
static void fill(struct native_sum *s, int64_t schema, int64_t from, unsigned buckets, uint64_t count)
{
	native_sum_init(s);
	s->all.zero_threshold = 1e-128;
	for (unsigned i = 0; i < buckets; i++)
		assert_true(native_sum_put(s, false, schema, from + i, count));
	assert_true(native_sum_put(s, true, schema, from, 1));
	assert_true(native_sum_total(&s->all, &s->all.count));
}

static void add(struct bench *b, struct meter *meter, const struct native_sum *s, double sum)
{
	unsigned merged;

	assert_int_equal(
		meter_add_native(meter, &(struct meter_state){ .native = &s->all, .sum = sum }, b->now, &merged), 0);
	meters_check(b->meters);
}

static void show(struct bench *b)
{
	struct series_counts counts;

	meters_show(b->meters, b->now);
	while (meters_show_some(b->meters, 1))
		;
	meters_shown(b->meters, &counts);
	while (series_tidy(meters_target(b->meters), 7))
		;
}

/* A reader of text sees the count, the sum and one bucket, beside a classic one of the same family. */
static void text_has_their_count_and_sum(void **state)
{
	const uint64_t classic[] = { 2, 3 };
	struct table t;
	struct native_sum s;
	struct bench b;

	(void)state;
	begin(&b, &wide);
	t.series = b.series;
	fill(&s, 3, 5, 4, 2);
	add(&b, get(&b, METER_NATIVE, "1"), &s, 7);
	add(&b, get(&b, METER_NATIVE, "1"), &s, 0.5);
	meter_set_state(get(&b, METER_HISTOGRAM, "2"), &(struct meter_state){ .buckets = classic, .sum = 9 }, b.now);
	show(&b);
	assert_page(&t, "# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"+Inf\",m=\"1\"} 18\nh_sum{m=\"1\"} 7.5\n"
			"h_count{m=\"1\"} 18\nh_bucket{le=\"1\",m=\"2\"} 2\nh_bucket{le=\"+Inf\",m=\"2\"} 5\n"
			"h_sum{m=\"2\"} 9\nh_count{m=\"2\"} 5\n");
	assert_int_equal(meters_series(b.meters), 4 + 4);
	done(&b);
}

/* What is sent on has each native histogram as one line, and classic ones as they are. */
static void pages_that_go_out_have_one_line_of_each(void **state)
{
	const uint64_t classic[] = { 2, 3 };
	struct series_cursor c;
	struct native_sum s;
	struct buffer page;
	struct bench b;

	(void)state;
	begin(&b, &wide);
	fill(&s, 0, 1, 1, 1);
	add(&b, get(&b, METER_NATIVE, "1"), &s, 7);
	meter_set_state(get(&b, METER_HISTOGRAM, "2"), &(struct meter_state){ .buckets = classic, .sum = 9 }, b.now);
	add(&b, get(&b, METER_NATIVE, "3"), &s, -2.5);
	show(&b);
	for (size_t budget = 1; budget < 1000; budget += 30) {
		int more;
		buffer_init(&page, series_page_max(b.series));
		series_cursor_init(&c, b.series, EXPOSITION_OPENMETRICS);
		c.natives = true;
		while ((more = series_write_some(&c, &page, budget)) == 1)
			;
		assert_int_equal(more, 0);
		assert_int_equal(buffer_append(&page, "", 1), 0);
		assert_string_equal(page.data,
			"# HELP h Help.\n# TYPE h histogram\n"
			"h{m=\"1\"} {sum:7,native:CAIoADGdl4zPCLpbJTgASgQIAhABUgECYgQIAhABagEC}\n"
			"h_bucket{le=\"1\",m=\"2\"} 2\nh_bucket{le=\"+Inf\",m=\"2\"} 5\nh_sum{m=\"2\"} 9\n"
			"h_count{m=\"2\"} 5\n"
			"h{m=\"3\"} {sum:-2.5,native:CAIoADGdl4zPCLpbJTgASgQIAhABUgECYgQIAhABagEC}\n");
		buffer_done(&page);
	}
	done(&b);
}

static void one_of_the_other_sort_begins_anew(void **state)
{
	struct native_sum s;
	struct bench b;

	(void)state;
	begin(&b, &wide);
	fill(&s, 3, 5, 4, 2);
	add(&b, get(&b, METER_NATIVE, "1"), &s, 7);
	assert_int_equal(get(&b, METER_HISTOGRAM, "1")->whole, 0);
	assert_int_equal(get(&b, METER_NATIVE, "1")->whole, 0);
	assert_int_equal(meters_series(b.meters), 4);
	done(&b);
}

static void assert_written(const struct meter *meter, const struct native_sum *expected, const char *what)
{
	struct native_histogram *h = native_histogram_new();
	char made[METER_NATIVE_WRITTEN_MAX];
	struct otlp_build b = { made, sizeof made, 0 };

	assert_non_null(h);
	meter_native_write(meter, &b);
	assert_in_range(b.size, 1, sizeof made);
	if (!native_histogram_read(h, (struct bytes){ made, b.size }))
		fail_msg("%s: it cannot be read", what);
	assert_int_equal(h->count, expected->all.count);
	assert_int_equal(h->schema, expected->all.schema);
	assert_int_equal(h->positive.count, expected->all.positive.count);
	assert_int_equal(h->negative.count, expected->all.negative.count);
	for (size_t i = 0; i < h->positive.count; i++)
		assert_true(h->positive.buckets[i].index == expected->all.positive.buckets[i].index &&
			    h->positive.buckets[i].whole == expected->all.positive.buckets[i].whole);
	free(h);
}

static void what_is_set_is_written(void **state)
{
	struct native_sum s;
	struct bench b;

	(void)state;
	begin(&b, &wide);
	for (unsigned buckets = 0; buckets <= NATIVE_SUM_MAX; buckets++) {
		struct meter *meter = get(&b, METER_NATIVE, "1");
		fill(&s, 8, -70, buckets, 5);
		assert_int_equal(meter_set_native(meter, &(struct meter_state){ .native = &s.all }, b.now), 0);
		assert_written(meter, &s, "set");
	}
	done(&b);
}

/* The largest there can be: all buckets apart, counts of ten bytes, exemplars of nothing but quotes. */
static void the_largest_fits(void **state)
{
	char text[EXPOSITION_EXEMPLAR_MAX + 1];
	struct native_sum s;
	struct meter *meter;
	struct bench b;

	(void)state;
	begin(&b, &wide);
	meter = get(&b, METER_NATIVE, "1");
	native_sum_init(&s);
	for (int i = 0; i < NATIVE_SUM_MAX; i++)
		for (int negative = 0; negative < 2; negative++)
			assert_true(native_sum_put(&s, negative, -4, INT32_MIN / 2 + i * (INT64_C(1) << 23),
				i % 2 ? 1 : NATIVE_COUNT_MAX / 1000));
	assert_true(native_sum_total(&s.all, &s.all.count));
	assert_int_equal(
		meter_set_native(meter, &(struct meter_state){ .native = &s.all, .created_ns = UINT64_MAX }, b.now), 0);
	for (int i = 0; i < NATIVE_EXEMPLARS_MAX; i++) {
		size_t size = 0;
		for (int k = 0; size + 40 < sizeof text; k++)
			size += (size_t)snprintf(
				text + size, sizeof text - size, "%c%c%d=\"\"", k ? ',' : '{', 'a' + i, k);
		size += (size_t)snprintf(text + size, sizeof text - size, "} -1.5e-300 1.5");
		meter_exemplar(b.meters, meter, 1, (struct bytes){ text, size });
	}
	assert_written(meter, &s, "the largest");
	show(&b);
	done(&b);
}

static size_t exemplars_of(const struct meter *meter)
{
	char made[METER_NATIVE_WRITTEN_MAX];
	struct otlp_build b = { made, sizeof made, 0 };
	size_t count = 0;
	struct wire_field f;
	struct wire w;

	meter_native_write(meter, &b);
	w = wire_of((struct bytes){ made, b.size });
	while (wire_next(&w, &f) > 0)
		count += f.number == HISTOGRAM_EXEMPLARS;
	return count;
}

static void the_latest_exemplars_stay_each_once(void **state)
{
	struct native_sum s;
	struct meter *meter;
	struct bench b;
	char text[32];

	(void)state;
	begin(&b, &wide);
	meter = get(&b, METER_NATIVE, "1");
	fill(&s, 0, 1, 1, 1);
	add(&b, meter, &s, 1);
	assert_int_equal(exemplars_of(meter), 0);
	for (int i = 0; i < 2 * NATIVE_EXEMPLARS_MAX; i++)
		for (int twice = 0; twice < 2; twice++) {
			snprintf(text, sizeof text, "{n=\"%d\"} 1 1.5", i);
			meter_exemplar(b.meters, meter, 1, bytes_of(text));
			assert_int_equal(exemplars_of(meter), i < NATIVE_EXEMPLARS_MAX ? i + 1 : NATIVE_EXEMPLARS_MAX);
		}
	assert_true(bytes_are(meter_exemplar_at(meter, 0), "{n=\"10\"} 1 1.5"));
	done(&b);
}

static void what_is_too_much_changes_nothing(void **state)
{
	struct native_sum s, before, after;
	struct meter *meter;
	struct bench b;
	unsigned merged;

	(void)state;
	begin(&b, &wide);
	meter = get(&b, METER_NATIVE, "1");
	native_sum_init(&s);
	assert_true(native_sum_put(&s, false, 4, 3, NATIVE_COUNT_MAX - 1));
	s.all.count = NATIVE_COUNT_MAX - 1;
	add(&b, meter, &s, 1);
	native_sum_init(&before);
	meter_native_get(meter, &before.all);
	fill(&s, -2, 3, 1, 1);
	assert_int_equal(
		meter_add_native(meter, &(struct meter_state){ .native = &s.all, .sum = 5 }, b.now, &merged), -ERANGE);
	native_sum_init(&after);
	meter_native_get(meter, &after.all);
	assert_true(after.all.schema == before.all.schema && after.all.count == before.all.count);
	assert_memory_equal(after.buckets, before.buckets, sizeof *after.buckets);
	assert_true(meter->part == 1);
	done(&b);
}

/* Each allocation fails once: what is there stays whole. */
static void without_memory_it_is_as_it_was(void **state)
{
	struct series_limits limits = wide;
	bool failed = false;

	(void)state;
	for (limits.bytes = 1000; limits.bytes < 12000; limits.bytes += 50) {
		const struct meter_label label = { bytes_of("m"), bytes_of("1") };
		struct native_sum s;
		struct bench b;
		begin(&b, &limits);
		for (unsigned buckets = 1; buckets < NATIVE_SUM_MAX; buckets++) {
			struct meter_wanted w = wanted(&b, METER_NATIVE, &label);
			struct meter *meter = meters_get(b.meters, &w, b.now, NULL);
			unsigned merged;
			uint64_t before = meter ? meter->whole : 0;
			fill(&s, 8, buckets, 1, 1);
			if (!meter)
				break;
			if (meter_add_native(meter, &(struct meter_state){ .native = &s.all }, b.now, &merged) == 0) {
				assert_int_equal(meter->whole, before + 2);
				continue;
			}
			failed = true;
			assert_int_equal(meter->whole, before);
		}
		done(&b);
	}
	assert_true(failed);
}

/* Other lives. */

static void on_changed(void *context)
{
	(void)context;
}

static bool want(void *context, struct bytes owner, struct meter_wanted *w)
{
	(void)owner;
	w->owner = context;
	return true;
}

static struct meters_restored begin_life(struct bench *b, const struct scratch *scratch)
{
	const struct sums_options o = { scratch->path, "m.sums", SEED, 0 };
	struct meters_restored restored;
	enum sums_found found;

	begin(b, &wide);
	assert_int_equal(sums_file_open(&o, &b->file, &found), 0);
	meters_save_to(b->meters, b->file, on_changed, b);
	assert_int_equal(meters_restore(b->meters, &(struct meters_restore){ want, &b->owner }, b->now, &restored), 0);
	meters_check(b->meters);
	return restored;
}

static void sums_go_on_in_the_next_life(void **state)
{
	struct native_sum s, sum, again;
	struct scratch scratch;
	struct bench b;

	(void)state;
	scratch_init(&scratch, "native");
	native_sum_init(&sum);
	for (unsigned life = 0; life < 40; life++) {
		struct meters_restored restored = begin_life(&b, &scratch);
		struct meter *meter = get(&b, METER_NATIVE, "1");
		assert_int_equal(restored.restored, life > 0);
		assert_int_equal(restored.damaged + restored.unwanted + restored.older, 0);
		if (life > 0) {
			native_sum_init(&again);
			meter_native_get(meter, &again.all);
			assert_int_equal(again.all.count, sum.all.count);
			assert_written(meter, &sum, "restored");
			assert_true(meter->part == life * 1.5);
		}
		fill(&s, (int64_t)(8 - life % 13), (int64_t)life * 20 - 300, 1 + life, life + 1);
		add(&b, meter, &s, 1.5);
		native_sum_init(&sum);
		meter_native_get(meter, &sum.all);
		while (meters_save_some(b.meters, 1))
			;
		assert_int_equal(sums_file_records(b.file), 1);
		done(&b);
	}
	scratch_done(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_has_their_count_and_sum),
		cmocka_unit_test(pages_that_go_out_have_one_line_of_each),
		cmocka_unit_test(one_of_the_other_sort_begins_anew),
		cmocka_unit_test(what_is_set_is_written),
		cmocka_unit_test(the_largest_fits),
		cmocka_unit_test(the_latest_exemplars_stay_each_once),
		cmocka_unit_test(what_is_too_much_changes_nothing),
		cmocka_unit_test(without_memory_it_is_as_it_was),
		cmocka_unit_test(sums_go_on_in_the_next_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
