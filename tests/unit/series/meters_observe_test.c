/*
 * Histograms that are classic and native at once: each value falls where it belongs, whatever came before, also without
 * memory and over lives; the model is a list of all values.
 */
#include "unit/scratch.h"
#include "unit/unit.h"

#include <float.h>
#include <stdlib.h>

#include "base/random.h"
#include "series/meters_table.h"
#include "unit/series/table_bench.h"

enum { SEED = 3, VALUES_MAX = 3000 };
#define ZEROS 0x1p-128

static const struct series_limits wide = { .series = 10000, .family_series = 5000, .bytes = 4 << 20 };
static const double bounds[] = { -1, 0, 0.5, 100 };

struct bench {
	struct series *series;
	struct meters *meters;
	struct mono_time now;
	struct sums_file *file;
	struct meter_native_wanted native;
	double values[VALUES_MAX];
	size_t count;
};

static void begin(struct bench *b, const struct series_limits *limits)
{
	const struct meters_limits l = { .series = 100, .family_series = 50, .label = 64, .window = { 1 } };

	b->series = series_new(limits, 5);
	b->now = (struct mono_time){ 1000000000 };
	b->file = NULL;
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

static struct meter *get(struct bench *b)
{
	struct meter_wanted w = { .name = bytes_of("h"),
		.kind = METER_HISTOGRAM,
		.help = "Help.",
		.bounds = bounds,
		.bound_count = COUNT_OF(bounds),
		.native = b->native,
		.saved = b->file };
	struct meter *meter = meters_get(b->meters, &w, b->now, NULL);

	assert_non_null(meter);
	return meter;
}

/* The model. */

struct buckets {
	size_t zeros, count;
	int64_t at[VALUES_MAX]; /* of each value: twice its index, and 1 if it is below 0 */
};

static int by_place(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* By the bounds alone. */
static int64_t place_of(int64_t schema, double size)
{
	int64_t from = native_index(0, size), scale = INT64_C(1) << (schema < 0 ? -schema : schema), at;

	at = schema < 0 ? from / scale - 2 : (from - 1) * scale;
	while (native_bound(schema, at) < size)
		at++;
	return at;
}

static void place_all(const struct bench *b, int64_t schema, struct buckets *ret)
{
	*ret = (struct buckets){ 0 };
	for (size_t i = 0; i < b->count; i++) {
		double size = b->values[i] < 0 ? -b->values[i] : b->values[i];
		if (size <= ZEROS)
			ret->zeros++;
		else
			ret->at[ret->count++] = 2 * place_of(schema, size) + (b->values[i] < 0);
	}
	qsort(ret->at, ret->count, sizeof *ret->at, by_place);
}

static size_t different(const struct buckets *all)
{
	size_t found = 0;

	for (size_t i = 0; i < all->count; i++)
		found += i == 0 || all->at[i] != all->at[i - 1];
	return found;
}

static uint64_t count_at(const struct native_histogram *h, int64_t at)
{
	const struct native_side *s = at & 1 ? &h->negative : &h->positive;

	for (size_t i = 0; i < s->count; i++)
		if (s->buckets[i].index == (at - (at & 1)) / 2)
			return s->buckets[i].whole;
	return 0;
}

static void assert_is_written(struct bench *b, const struct meter *meter)
{
	struct native_histogram *h = native_histogram_new();
	char made[METER_NATIVE_WRITTEN_MAX];
	struct otlp_build to = { made, sizeof made, 0 };
	struct buckets *all = malloc(sizeof *all);
	int64_t schema = b->native.schema;

	assert_true(h && all);
	meter_native_write(meter, &to);
	assert_true(native_histogram_read(h, (struct bytes){ made, to.size }));
	for (place_all(b, schema, all); different(all) > b->native.most && schema > NATIVE_SCHEMA_MIN;)
		place_all(b, --schema, all);
	assert_int_equal(h->schema, schema);
	assert_int_equal(h->count, b->count);
	assert_int_equal(h->zero, all->zeros);
	assert_true(h->zero_threshold == ZEROS);
	assert_int_equal(h->positive.count + h->negative.count, different(all));
	for (size_t i = 0, next; i < all->count; i = next) {
		for (next = i + 1; next < all->count && all->at[next] == all->at[i];)
			next++;
		assert_int_equal(count_at(h, all->at[i]), next - i);
	}
	free(all);
	free(h);
}

/* Some values that are apart from each other by more or less; bounds, zeros and ends of doubles are among them. */
static double some_value(struct random *r, unsigned width)
{
	double sign = random_below(r, 4) == 0 ? -1 : 1, part = (double)random_below(r, 1000) / 1000;

	switch (random_below(r, 20)) {
	case 0:
		return 0;
	case 1:
		return sign * ZEROS;
	case 2:
		return sign * native_bound(8, (int64_t)random_below(r, 2000) - 1000);
	case 3:
		return width < 100 ? sign : sign * (random_below(r, 2) ? DBL_MAX : 0x1p-1074);
	default:
		return sign * (1 + part) * native_bound(0, (int64_t)random_below(r, width) - width / 2);
	}
}

static void observe(struct bench *b, struct meter *meter, double value)
{
	meter_observe(meter, value, 1, b->now);
	b->values[b->count++] = value;
}

static void values_are_where_they_belong(void **state)
{
	static const unsigned widths[] = { 1, 10, 60, 2000 };
	struct bench b = { .count = 0 };
	struct random r;

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct meter *meter;
		random_seed(&r, seed);
		begin(&b, &wide);
		b.count = 0;
		b.native = (struct meter_native_wanted){ (int64_t)random_below(&r, 13) + NATIVE_SCHEMA_MIN,
			(uint32_t)random_below(&r, random_below(&r, 2) ? 8 : NATIVE_BUCKETS_MAX) + 1 };
		meter = get(&b);
		assert_int_equal(meters_series(b.meters), COUNT_OF(bounds) + 3 + 1);
		while (b.count < 400) {
			observe(&b, meter, some_value(&r, widths[seed % COUNT_OF(widths)]));
			if (b.count % 40 == 0)
				assert_is_written(&b, meter);
		}
		done(&b);
	}
}

/* As fine as there is room for; nothing is lost. */
static void without_memory_it_gets_coarser(void **state)
{
	struct series_limits tight = wide;
	struct bench b = { .count = 0 };
	unsigned made = 0, coarse = 0, wider = 0;
	struct random r;

	(void)state;
	for (tight.bytes = 200; tight.bytes < 6000; tight.bytes += 50) {
		struct meter_wanted w = { .name = bytes_of("h"),
			.kind = METER_HISTOGRAM,
			.help = "Help.",
			.bounds = bounds,
			.bound_count = COUNT_OF(bounds),
			.native = { 8, 320 } };
		struct meter *meter;
		random_seed(&r, tight.bytes);
		begin(&b, &tight);
		meter = meters_get(b.meters, &w, b.now, NULL);
		made += meter != NULL;
		for (int i = 0; i < 500 && meter; i++)
			meter_observe(meter, some_value(&r, 2000), 1, b.now);
		assert_true(!meter || meter->whole == 500);
		coarse += meter && meter->native->schema < 0;
		wider += meter && meter->native->zero_threshold > ZEROS;
		done(&b); /* whose check adds up */
	}
	assert_in_range(made, 20, 115);
	assert_true(wider > 0 && coarse > wider);
}

static void one_that_is_full_begins_anew(void **state)
{
	struct bench b = { .native = { 3, 160 } };
	struct meter *meter;

	(void)state;
	begin(&b, &wide);
	meter = get(&b);
	meter_observe(meter, 3, 1, b.now);
	meter->whole = meter->counts[3] = NATIVE_COUNT_MAX;
	meter->native->buckets[0].count = NATIVE_COUNT_MAX;
	meters_check(b.meters);
	observe(&b, meter, 5);
	assert_is_written(&b, meter);
	assert_int_equal(meter->whole, 1);
	assert_true(meter->part == 5);
	done(&b);
}

/* The page. */

static void readers_of_text_see_the_classic_one(void **state)
{
	struct bench b = { .native = { 0, 160 } };
	struct series_counts counts;
	struct table t;

	(void)state;
	begin(&b, &wide);
	t.series = b.series;
	observe(&b, get(&b), 3);
	meters_show(b.meters, b.now);
	while (meters_show_some(b.meters, 1))
		;
	meters_shown(b.meters, &counts);
	assert_page(&t,
		"# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"-1\"} 0\nh_bucket{le=\"0\"} 0\n"
		"h_bucket{le=\"0.5\"} 0\nh_bucket{le=\"100\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 3\nh_count 1\n");
	done(&b);
}

/* Other lives. */

static void on_changed(void *context)
{
	(void)context;
}

static bool want(void *context, struct bytes owner, struct meter_wanted *w)
{
	const struct bench *b = context;

	assert_int_equal(owner.size, 0);
	assert_int_equal(w->native.most, b->native.most);
	return true;
}

static void begin_life(struct bench *b, const struct scratch *scratch, size_t expected)
{
	const struct sums_options o = { scratch->path, "m.sums", SEED, 0 };
	struct meters_restored restored;
	enum sums_found found;

	begin(b, &wide);
	assert_int_equal(sums_file_open(&o, &b->file, &found), 0);
	meters_save_to(b->meters, b->file, on_changed, b);
	assert_int_equal(meters_restore(b->meters, &(struct meters_restore){ want, b }, b->now, &restored), 0);
	assert_int_equal(restored.restored, expected);
	assert_int_equal(restored.damaged + restored.unwanted + restored.older, 0);
	meters_check(b->meters);
}

static void it_goes_on_in_the_next_life(void **state)
{
	struct bench b = { .native = { 4, 100 } };
	struct scratch scratch;
	struct random r;

	(void)state;
	scratch_init(&scratch, "observe");
	random_seed(&r, 9);
	for (unsigned life = 0; life < 40; life++) {
		struct meter *meter;
		begin_life(&b, &scratch, life > 0);
		meter = get(&b);
		assert_int_equal(meter->whole, b.count);
		assert_is_written(&b, meter);
		for (unsigned i = 0; i < 1 + life; i++)
			observe(&b, meter, some_value(&r, 1 + life));
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
		cmocka_unit_test(values_are_where_they_belong),
		cmocka_unit_test(without_memory_it_gets_coarser),
		cmocka_unit_test(one_that_is_full_begins_anew),
		cmocka_unit_test(readers_of_text_see_the_classic_one),
		cmocka_unit_test(it_goes_on_in_the_next_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
