/*
 * Points of exponential histograms as native ones: against a plain model that has each observation, and a table of what
 * is refused.
 */
#include "proto/otlp_native.h"

#include "unit/unit.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "unit/proto/otlp_builder.h"

enum { ROUNDS = 300, BUCKETS_MAX = 600, MESSAGE = 1 << 20 };

static struct buffer message;
static struct native_sum got;

static int begin(void **state)
{
	(void)state;
	buffer_init(&message, MESSAGE);
	return 0;
}

static int end(void **state)
{
	(void)state;
	buffer_done(&message);
	return 0;
}

static uint64_t bits_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	return bits;
}

static void put_buckets(unsigned field, int64_t offset, const uint64_t *counts, size_t count, bool packed)
{
	size_t mark = message.size, list;

	put_number(&message, 1, wire_zigzag(offset));
	list = message.size;
	for (size_t i = 0; i < count; i++)
		if (packed)
			put_varint(&message, counts[i]);
		else
			put_number(&message, 2, counts[i]);
	if (packed)
		put_wrap(&message, list, 2);
	put_wrap(&message, mark, field);
}

static enum otlp_native read_point(uint64_t count, bool has_sum, double sum)
{
	const struct otlp_point p = {
		.message = buffer_bytes(&message), .count = count, .has_sum = has_sum, .sum = sum
	};

	return otlp_native_read(&p, &got);
}

struct side {
	int64_t offset;
	size_t count;
	uint64_t counts[BUCKETS_MAX], total;
};

static void draw(struct random *random, struct side *s)
{
	s->offset = (int64_t)random_below(random, 2000) - 1000;
	s->count = random_below(random, random_below(random, 3) ? 50 : BUCKETS_MAX);
	s->total = 0;
	for (size_t i = 0; i < s->count; i++)
		s->total += s->counts[i] = random_below(random, 3) ? random_below(random, 300) : 0;
}

/* The bucket with the lower bound 2^(index / 2^scale) lies within the one that is wanted. */
static void assert_side(const struct side *s, int64_t scale, const struct native_side *made)
{
	uint64_t total = 0;

	for (size_t i = 0; i < made->count; i++) {
		uint64_t count = 0;
		for (size_t k = 0; k < s->count; k++)
			if ((s->offset + (int64_t)k) >> (scale - got.all.schema) == made->buckets[i].index - 1)
				count += s->counts[k];
		assert_int_equal(made->buckets[i].whole, count);
		total += count;
	}
	assert_int_equal(total, s->total);
}

static void each_bucket_is_where_it_belongs(void **state)
{
	static struct side positive, negative;
	struct random random;
	unsigned merged = 0;

	(void)state;
	for (unsigned seed = 1; seed < ROUNDS; seed++) {
		int64_t scale;
		uint64_t zeros;
		random_seed(&random, seed);
		scale = (int64_t)random_below(&random, 25) - 4;
		zeros = random_below(&random, 9);
		draw(&random, &positive);
		draw(&random, &negative);
		buffer_clear(&message);
		put_buckets(9, negative.offset, negative.counts, negative.count, seed % 2);
		put_number(&message, 6, wire_zigzag(scale));
		put_fixed64(&message, 7, zeros);
		put_buckets(8, positive.offset, positive.counts, positive.count, seed % 3);
		if (seed % 5 == 0)
			put_fixed64(&message, 14, bits_of(0x1p-100));
		if (read_point(zeros + positive.total + negative.total, true, 5) != OTLP_NATIVE_FINE) {
			assert_true(scale < -1); /* with indexes beyond doubles */
			continue;
		}
		assert_true(got.all.schema <= (scale < NATIVE_SCHEMA_MAX ? scale : NATIVE_SCHEMA_MAX));
		assert_true(
			got.merged > 0 || got.all.schema == (scale < NATIVE_SCHEMA_MAX ? scale : NATIVE_SCHEMA_MAX));
		merged += got.merged > 0;
		assert_true(got.all.zero_threshold == (seed % 5 ? OTLP_ZERO_THRESHOLD : 0x1p-100));
		assert_int_equal(got.all.zero, zeros);
		assert_side(&positive, scale, &got.all.positive);
		assert_side(&negative, scale, &got.all.negative);
	}
	assert_true(merged > 5);
}

/* By the fields of metrics.proto, and back. */
static void what_goes_out_comes_back(void **state)
{
	struct native_histogram *h = native_histogram_new();
	static struct side positive, negative;
	char made[NATIVE_WRITTEN_MAX];
	struct random random;

	(void)state;
	assert_non_null(h);
	for (unsigned seed = 1; seed < ROUNDS; seed++) {
		struct otlp_build b = { made, sizeof made, 0 }, point;
		struct native_sum before;
		random_seed(&random, seed);
		native_sum_init(&before);
		before.all.zero_threshold = 0x1p-100;
		draw(&random, &positive);
		draw(&random, &negative);
		for (size_t i = 0; i < 50 && i < positive.count && i < negative.count; i++) {
			assert_true(native_sum_put(
				&before, false, 8, positive.offset + (int64_t)i, 1 + positive.counts[i]));
			assert_true(native_sum_put(&before, true, 8, negative.offset + (int64_t)i * 9, 1));
		}
		before.all.zero = seed % 4;
		assert_true(native_sum_total(&before.all, &before.all.count));
		native_histogram_write(&before.all, &b);
		assert_true(native_histogram_read_written(h, (struct bytes){ made, b.size }));
		buffer_clear(&message);
		point = (struct otlp_build){ buffer_reserve(&message, OTLP_NATIVE_ROOM), OTLP_NATIVE_ROOM, 0 };
		assert_true(otlp_native_write(h, &point));
		assert_true(point.size <= OTLP_NATIVE_ROOM);
		message.size = point.size;
		assert_int_equal(read_point(before.all.count, true, 1), OTLP_NATIVE_FINE);
		assert_true(got.all.schema == before.all.schema && got.all.zero == before.all.zero &&
			    got.all.zero_threshold == before.all.zero_threshold && got.all.count == before.all.count);
		assert_int_equal(got.all.positive.count, before.all.positive.count);
		assert_int_equal(got.all.negative.count, before.all.negative.count);
		assert_memory_equal(got.buckets, before.buckets, sizeof got.buckets[0] * got.all.positive.count);
		assert_memory_equal(got.all.negative.buckets, before.all.negative.buckets,
			sizeof got.buckets[0] * got.all.negative.count);
	}
	free(h);
}

static void a_point_without_buckets_is_fine(void **state)
{
	(void)state;
	buffer_clear(&message);
	assert_int_equal(read_point(0, true, 0), OTLP_NATIVE_FINE);
	assert_int_equal(got.all.schema, 0);
	put_fixed64(&message, 7, 3);
	assert_int_equal(read_point(3, true, 0), OTLP_NATIVE_FINE);
	assert_int_equal(got.all.count, 3);
}

static void what_cannot_be_is_refused(void **state)
{
	static const uint64_t one[] = { 1 }, many[] = { 1, 0, 2 }, huge[] = { UINT64_MAX, 2 },
			      large[] = { INT64_MAX, 1 };
	static const struct {
		int64_t scale, offset;
		const uint64_t *counts;
		size_t buckets;
		uint64_t count, zeros;
		double sum, threshold;
		enum otlp_native expected;
	} rows[] = {
		{ 0, 0, one, 1, 1, 0, 1, 0, OTLP_NATIVE_FINE },
		{ -4, 0, one, 1, 1, 0, 1, 0, OTLP_NATIVE_FINE },
		{ -5, 0, one, 1, 1, 0, 1, 0, OTLP_NATIVE_SCALE },
		{ INT32_MIN, 0, one, 1, 1, 0, 1, 0, OTLP_NATIVE_SCALE },
		{ INT32_MAX, 0, one, 1, 1, 0, 1, 0, OTLP_NATIVE_FINE },
		{ 0, 0, many, 3, 3, 0, 1, 0, OTLP_NATIVE_FINE },
		{ 0, 0, many, 3, 4, 0, 1, 0, OTLP_NATIVE_BUCKETS }, /* one is in none */
		{ 0, 0, many, 3, 4, 0, NAN, 0, OTLP_NATIVE_FINE },
		{ 0, 0, many, 3, 4, 1, 1, 0, OTLP_NATIVE_FINE },
		{ 0, 0, many, 3, 2, 0, NAN, 0, OTLP_NATIVE_BUCKETS },
		{ 0, 0, huge, 2, 1, 0, 1, 0, OTLP_NATIVE_BUCKETS },
		{ 0, 0, large, 2, (uint64_t)INT64_MAX + 1, 0, 1, 0, OTLP_NATIVE_BUCKETS },
		{ 0, 0, large, 1, INT64_MAX, 0, 1, 0, OTLP_NATIVE_FINE },
		{ 0, 0, one, 1, 1, UINT64_MAX, 1, 0, OTLP_NATIVE_BUCKETS },
		{ 0, INT32_MAX, one, 1, 1, 0, 1, 0, OTLP_NATIVE_BUCKETS }, /* its upper bound is beyond 32 bits */
		{ 0, INT32_MAX - 1, one, 1, 1, 0, 1, 0, OTLP_NATIVE_FINE },
		{ 0, INT32_MIN, one, 1, 1, 0, 1, 0, OTLP_NATIVE_FINE },
		{ 0, (int64_t)INT32_MAX + 1, one, 1, 1, 0, 1, 0, OTLP_NATIVE_BUCKETS },
		{ 0, INT64_MIN, one, 1, 1, 0, 1, 0, OTLP_NATIVE_BUCKETS },
		{ 0, 0, one, 1, 1, 0, 1, -1, OTLP_NATIVE_BUCKETS },
		{ 0, 0, one, 1, 1, 0, 1, NAN, OTLP_NATIVE_BUCKETS },
		{ 0, 0, one, 1, 1, 0, 1, INFINITY, OTLP_NATIVE_BUCKETS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (int negative = 0; negative < 2; negative++) {
			buffer_clear(&message);
			put_number(&message, 6, wire_zigzag(rows[i].scale));
			put_fixed64(&message, 7, rows[i].zeros);
			put_buckets(8 + negative, rows[i].offset, rows[i].counts, rows[i].buckets, i % 2);
			put_fixed64(&message, 14, bits_of(rows[i].threshold));
			if (read_point(rows[i].count, true, rows[i].sum) != rows[i].expected)
				fail_msg("row %zu", i);
		}
}

static void without_a_sum_some_may_be_in_no_bucket(void **state)
{
	(void)state;
	buffer_clear(&message);
	put_fixed64(&message, 7, 3);
	assert_int_equal(read_point(4, false, 0), OTLP_NATIVE_FINE);
	assert_int_equal(read_point(2, false, 0), OTLP_NATIVE_BUCKETS);
}

static void buckets_that_are_cut_are_refused(void **state)
{
	static const uint64_t counts[] = { 1, 300, 7 };
	size_t size;

	(void)state;
	buffer_clear(&message);
	put_buckets(8, 3, counts, 3, true);
	size = message.size;
	assert_int_equal(read_point(308, true, 1), OTLP_NATIVE_FINE);
	for (size_t cut = 1; cut < size; cut++) {
		buffer_clear(&message);
		put_buckets(8, 3, counts, 3, true);
		message.size -= cut;
		assert_int_equal(read_point(308, true, 1), OTLP_NATIVE_BUCKETS);
	}
}

/* However they are written, and though nearly all are empty. */
static void a_side_has_so_many_buckets(void **state)
{
	static const uint64_t counts[OTLP_NATIVE_SIDE_MAX + 1] = { 1 };

	(void)state;
	for (unsigned way = 0; way < 4; way++) {
		buffer_clear(&message);
		put_buckets(8 + way / 2, 0, counts, OTLP_NATIVE_SIDE_MAX, way % 2);
		assert_int_equal(read_point(1, true, 1), OTLP_NATIVE_FINE);
		buffer_clear(&message);
		put_buckets(8 + way / 2, 0, counts, OTLP_NATIVE_SIDE_MAX + 1, way % 2);
		assert_int_equal(read_point(1, true, 1), OTLP_NATIVE_MANY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_bucket_is_where_it_belongs),
		cmocka_unit_test(what_goes_out_comes_back),
		cmocka_unit_test(a_point_without_buckets_is_fine),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(without_a_sum_some_may_be_in_no_bucket),
		cmocka_unit_test(buckets_that_are_cut_are_refused),
		cmocka_unit_test(a_side_has_so_many_buckets),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
