/*
 * Native histograms that are added up, against a plain model that has each observation: whatever the schemas, each is
 * in the bucket of the sum's schema that it belongs to.
 */
#include "proto/native_sum.h"

#include "unit/unit.h"

#include <float.h>

#include "base/random.h"

enum { ROUNDS = 400, PIECES = 600, ZEROS_MAX = 5 };

/* As it was put. */
struct piece {
	bool negative;
	int64_t schema, index;
	uint64_t count;
};

struct model {
	struct piece pieces[PIECES];
	size_t count;
	uint64_t zeros;
};

static struct model model;
static struct native_sum sum, other;
static struct random random_;

static uint64_t draw(uint64_t below)
{
	return random_below(&random_, below);
}

/* Upper bounds are 2^(index / 2^schema): in the coarser schema it is the next one that is not below. */
static int64_t in_schema(const struct piece *p, int64_t schema)
{
	return -(-p->index >> (p->schema - schema));
}

static uint64_t model_has(bool negative, int64_t index)
{
	uint64_t count = 0;

	for (size_t i = 0; i < model.count; i++)
		if (model.pieces[i].negative == negative && in_schema(&model.pieces[i], sum.all.schema) == index)
			count += model.pieces[i].count;
	return count;
}

static void assert_side(const struct native_side *s, bool negative)
{
	uint64_t all = 0, found = 0;

	assert_in_range(s->count, 0, NATIVE_SUM_MAX);
	for (size_t i = 0; i < s->count; i++) {
		assert_true(i == 0 || s->buckets[i - 1].index < s->buckets[i].index);
		assert_int_equal(s->buckets[i].whole, model_has(negative, s->buckets[i].index));
		found += s->buckets[i].whole;
	}
	for (size_t i = 0; i < model.count; i++)
		all += model.pieces[i].negative == negative ? model.pieces[i].count : 0;
	assert_int_equal(all, found);
}

static void assert_is_model(void)
{
	uint64_t total, expected = model.zeros;

	for (size_t i = 0; i < model.count; i++)
		expected += model.pieces[i].count;
	assert_side(&sum.all.positive, false);
	assert_side(&sum.all.negative, true);
	assert_int_equal(sum.all.zero, model.zeros);
	assert_true(native_sum_total(&sum.all, &total));
	assert_int_equal(total, expected);
}

static void remember(bool negative, int64_t schema, int64_t index, uint64_t count)
{
	assert_true(model.count < PIECES);
	model.pieces[model.count++] = (struct piece){ negative, schema, index, count };
}

static void begin(uint64_t seed)
{
	random_seed(&random_, seed);
	native_sum_init(&sum);
	model = (struct model){ .count = 0 };
}

static void each_count_is_in_its_bucket(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < ROUNDS; seed++) {
		int64_t wide = seed % 2 ? 200 : 20000, coarsest = seed % 3 ? 0 : -4;
		int64_t before = NATIVE_SCHEMA_MAX;
		begin(seed);
		for (size_t i = draw(PIECES); i > 0; i--) {
			int64_t schema = coarsest + (int64_t)draw(25), index = (int64_t)draw((uint64_t)wide) - wide / 2;
			bool negative = draw(4) == 0;
			uint64_t count = draw(1000);
			if (schema < 0 && draw(50))
				schema = 6; /* seldom: else it is always the coarsest */
			assert_true(native_sum_put(&sum, negative, schema, index, count));
			remember(negative, schema, index, count);
			assert_true(sum.all.schema <= before && sum.all.schema <= schema);
			before = sum.all.schema;
		}
		assert_is_model();
	}
}

static void fill(int64_t schema, unsigned most)
{
	int64_t index = (int64_t)draw(400) - 200;

	native_sum_init(&other);
	other.all.schema = schema;
	other.all.zero = draw(ZEROS_MAX);
	model.zeros += other.all.zero;
	for (unsigned i = (unsigned)draw(most); i > 0; i--, index += 1 + (int64_t)draw(9)) {
		bool negative = draw(3) == 0;
		uint64_t count = 1 + draw(9);
		assert_true(native_sum_put(&other, negative, schema, index, count));
		remember(negative, schema, index, count);
	}
	assert_int_equal(other.all.schema, schema);
}

static void sums_of_any_schemas_have_what_their_parts_have(void **state)
{
	unsigned merged = 0, coarser = 0;

	(void)state;
	for (uint64_t seed = 1; seed < ROUNDS; seed++) {
		begin(seed);
		for (size_t i = 2 + draw(6); i > 0; i--) {
			int64_t schema = seed % 2 ? 8 - (int64_t)draw(2) : (int64_t)draw(13) - 4;
			int64_t before = sum.all.schema;
			fill(schema, 80);
			assert_true(native_sum_add(&sum, &other.all));
			assert_true(sum.all.schema <= before && sum.all.schema <= schema);
			coarser += schema < before;
			assert_is_model();
		}
		merged += sum.merged;
	}
	assert_true(merged > 10 && coarser > 10);
}

static void the_wider_zero_bucket_counts(void **state)
{
	static const struct {
		double sum, other, threshold;
		uint64_t zero, left; /* in the buckets */
	} rows[] = { /* buckets 1 (1 … 2), 2 (2 … 4) and 3 (4 … 8) on both sides of both, with one in each */
		{ 0, 0, 0, 0, 12 }, { 0.5, 0, 0.5, 0, 12 }, { 2, 0, 2, 2, 10 }, { 0, 2, 2, 2, 10 }, { 2, 2, 2, 0, 12 },
		{ 3, 0, 4, 8, 4 }, { 0, 3, 4, 8, 4 }, { 3, 3, 3, 0, 12 }, { 0, 100, 100, 6, 6 }, { 9, 8, 9, 6, 6 },
		{ 2, 5, 8, 12, 0 }
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t total;
		begin(1);
		native_sum_init(&other);
		for (int64_t k = 1; k <= 3; k++)
			for (int negative = 0; negative < 2; negative++) {
				assert_true(native_sum_put(&sum, negative, 0, k, 1));
				assert_true(native_sum_put(&other, negative, 0, k, 1));
			}
		sum.all.zero_threshold = rows[i].sum;
		other.all.zero_threshold = rows[i].other;
		assert_true(native_sum_add(&sum, &other.all));
		assert_true(native_sum_total(&sum.all, &total));
		if (sum.all.zero_threshold != rows[i].threshold || sum.all.zero != rows[i].zero ||
			total - sum.all.zero != rows[i].left)
			fail_msg("row %zu: threshold %g, zero %llu, left %llu", i, sum.all.zero_threshold,
				(unsigned long long)sum.all.zero, (unsigned long long)(total - sum.all.zero));
	}
}

static void the_widest_zero_bucket_ends_where_doubles_do(void **state)
{
	(void)state;
	begin(1);
	native_sum_init(&other);
	assert_true(native_sum_put(&sum, false, -4, 64, 3)); /* its upper bound is infinite */
	other.all.zero_threshold = 0x1.8p1023;
	other.all.zero = 1;
	assert_true(native_sum_add(&sum, &other.all));
	assert_true(sum.all.zero_threshold == DBL_MAX);
	assert_int_equal(sum.all.zero, 4);
	assert_int_equal(sum.all.positive.count, 0);
}

static void bounds_are_powers_of_two(void **state)
{
	(void)state;
	for (int64_t schema = NATIVE_SCHEMA_MIN; schema <= NATIVE_SCHEMA_MAX; schema++) {
		int64_t whole = schema > 0 ? INT64_C(1) << schema : 1, step = schema < 0 ? INT64_C(1) << -schema : 1;
		assert_true(native_bound(schema, 0) == 1);
		assert_true(native_bound(schema, whole) == (schema < 0 ? (double)(1 << step) : 2));
		assert_true(native_bound(schema, -whole) == 1 / native_bound(schema, whole));
		for (int64_t i = -300 * whole / step; i < 300 * whole / step; i += 3) {
			double low = native_bound(schema, i), high = native_bound(schema, i + 1);
			assert_true(
				low < high && (schema == NATIVE_SCHEMA_MAX || low == native_bound(schema + 1, 2 * i)));
			if (schema < NATIVE_SCHEMA_MAX) {
				double middle = native_bound(schema + 1, 2 * i + 1);
				assert_true(middle * middle / low / high - 1 < 1e-14 &&
					    middle * middle / low / high - 1 > -1e-14);
			}
		}
	}
	assert_true(native_bound(0, -1074) == 0x1p-1074 && native_bound(0, -1075) == 0);
	assert_true(native_bound(0, 1023) == 0x1p1023 && native_bound(0, 1024) > DBL_MAX);
	assert_true(native_bound(8, INT32_MAX) > DBL_MAX && native_bound(-4, INT32_MIN) == 0);
}

/* For all that is in it, at its ends above all. */
static void values_are_in_their_bucket(void **state)
{
	static const double ends[] = { 0x1p-1074, 0x1p-1073, 0x1.8p-1073, 0x1p-1022, 0x1.fffffffffffffp-1023, 1,
		DBL_MAX };

	(void)state;
	for (int64_t schema = NATIVE_SCHEMA_MIN; schema <= NATIVE_SCHEMA_MAX; schema++) {
		for (size_t i = 0; i < COUNT_OF(ends); i++) {
			int64_t at = native_index(schema, ends[i]);
			if (schema > 0 && ends[i] < DBL_MIN)
				continue; /* bounds are rounded there */
			assert_true(native_bound(schema, at - 1) < ends[i] && ends[i] <= native_bound(schema, at));
		}
		for (int64_t i = schema < 0 ? -50 : -2000; i < (schema < 0 ? 60 : 2000); i++) {
			double bound = native_bound(schema, i);
			if (bound == 0 || bound > DBL_MAX)
				continue;
			assert_int_equal(native_index(schema, bound), i);
			if (bound > DBL_MIN && bound < DBL_MAX / 2)
				assert_int_equal(native_index(schema, bound * (1 + DBL_EPSILON)), i + 1);
			assert_int_equal(native_index(schema, bound * 0.9999), i);
		}
	}
}

/* Those of client_golang's TestGetSchema … and the limits of pickSchema(). */
static void a_factor_picks_its_schema(void **state)
{
	static const struct {
		double factor;
		int64_t schema;
	} rows[] = { { 65536, -4 }, { 1e9, -4 }, { 256, -3 }, { 65535, -3 }, { 16, -2 }, { 4, -1 }, { 2, 0 },
		{ 1.9, 1 }, { 1.5, 1 }, { 1.41, 2 }, { 1.1, 3 }, { 1.05, 4 }, { 1.01, 7 }, { 1.0028, 8 },
		{ 1.0000001, 8 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(native_schema(rows[i].factor), rows[i].schema);
}

static void what_is_too_much_is_refused(void **state)
{
	uint64_t total;

	(void)state;
	begin(1);
	assert_false(native_sum_put(&sum, false, 0, 5, UINT64_MAX));
	assert_true(native_sum_put(&sum, false, 0, 5, NATIVE_COUNT_MAX));
	assert_false(native_sum_put(&sum, false, 0, 5, 1));
	assert_true(native_sum_total(&sum.all, &total));
	assert_true(native_sum_put(&sum, true, 0, 5, 1));
	assert_false(native_sum_total(&sum.all, &total));
	begin(1);
	for (int64_t i = 0; i < NATIVE_SUM_MAX; i++)
		assert_true(native_sum_put(&sum, true, 8, i * (1 << 14), 1));
	assert_false(native_sum_put(&sum, true, 8, INT32_MAX, 1));
	assert_int_equal(sum.all.schema, NATIVE_SCHEMA_MIN);
	assert_true(native_sum_put(&sum, false, 8, INT32_MAX, 1));
	assert_true(native_sum_put(&sum, false, 1000, INT32_MAX, 1)); /* the finest of schemas: bucket 1 */
	assert_int_equal(sum.all.positive.buckets[0].index, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_count_is_in_its_bucket),
		cmocka_unit_test(sums_of_any_schemas_have_what_their_parts_have),
		cmocka_unit_test(the_wider_zero_bucket_counts),
		cmocka_unit_test(the_widest_zero_bucket_ends_where_doubles_do),
		cmocka_unit_test(bounds_are_powers_of_two),
		cmocka_unit_test(values_are_in_their_bucket),
		cmocka_unit_test(a_factor_picks_its_schema),
		cmocka_unit_test(what_is_too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
