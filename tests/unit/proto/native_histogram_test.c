/*
 * Native histograms: what is read is what is written; what readers would refuse is refused; merging keeps what there
 * is.
 */
#include "proto/native_histogram.h"

#include "unit/unit.h"

#include <stdlib.h>

#include "proto/metric_family.h"

enum { WIRE = 1 << 17, ROUNDS = 300 };

static char wire[WIRE];
static struct native_bucket of_h[2 * NATIVE_SIDE_MAX], of_again[2 * NATIVE_SIDE_MAX];
static struct native_histogram h, again;

static uint64_t seed;

static unsigned draw(unsigned below)
{
	seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
	return (unsigned)(seed >> 11) % below;
}

static struct bytes written(const struct native_histogram *from)
{
	struct otlp_build b = { wire, sizeof wire, 0 };

	native_histogram_write(from, &b);
	assert_in_range(b.size, 1, sizeof wire);
	return (struct bytes){ wire, b.size };
}

static void fill(struct native_side *s, bool floats, unsigned most)
{
	int64_t at = (int64_t)draw(200) - 100;

	s->count = draw(most);
	for (size_t i = 0; i < s->count; i++) {
		s->buckets[i] = (struct native_bucket){ .index = at };
		if (floats)
			s->buckets[i].part = draw(1000) / 8.0;
		else
			s->buckets[i].whole = draw(1000);
		at += 1 + (draw(3) ? 0 : draw(30));
	}
}

static double all_of(const struct native_side *s, bool floats)
{
	double sum = 0;

	for (size_t i = 0; i < s->count; i++)
		sum += floats ? s->buckets[i].part : (double)s->buckets[i].whole;
	return sum;
}

static void make(bool floats, unsigned most)
{
	h.floats = floats;
	h.schema = (int64_t)draw(13) - 4;
	h.zero_threshold = draw(2) ? 0x1p-128 : 0;
	h.count = h.zero = 0;
	h.count_part = h.zero_part = 0;
	fill(&h.positive, floats, most);
	fill(&h.negative, floats, most);
	if (floats) {
		h.zero_part = 1.5;
		h.count_part = 1.5 + all_of(&h.positive, true) + all_of(&h.negative, true);
	} else {
		h.zero = draw(5);
		h.count = h.zero + (uint64_t)(all_of(&h.positive, false) + all_of(&h.negative, false));
	}
}

static void assert_same_side(const struct native_side *a, const struct native_side *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++)
		assert_true(a->buckets[i].index == b->buckets[i].index && a->buckets[i].whole == b->buckets[i].whole &&
			    a->buckets[i].part == b->buckets[i].part);
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	for (seed = 1; seed < ROUNDS; seed++) {
		uint64_t kept = seed;
		struct bytes message;
		seed = seed * 0x9e3779b97f4a7c15u;
		make(kept % 2, kept % 10 ? 40 : NATIVE_SIDE_MAX);
		message = written(&h);
		assert_true(native_histogram_is(message));
		assert_true(native_histogram_read(&again, message));
		assert_true(h.floats == again.floats && h.schema == again.schema && h.count == again.count &&
			    h.zero == again.zero && h.zero_threshold == again.zero_threshold &&
			    h.count_part == again.count_part && h.zero_part == again.zero_part);
		assert_same_side(&h.positive, &again.positive);
		assert_same_side(&h.negative, &again.negative);
		seed = kept;
	}
}

/* Upper bounds are 2^(index / 2^schema): in the coarser schema it is the next one that is not below. */
static int64_t coarser(int64_t index, int64_t levels)
{
	return -(-index >> levels);
}

static void assert_merged(const struct native_side *fine, const struct native_side *coarse, int64_t levels)
{
	size_t k = 0;

	for (size_t i = 0; i < fine->count; i++) {
		int64_t wanted = coarser(fine->buckets[i].index, levels);
		k += coarse->buckets[k].index != wanted;
		assert_true(k < coarse->count && coarse->buckets[k].index == wanted);
	}
	assert_int_equal(coarse->count, fine->count ? k + 1 : 0);
}

static void copy(void)
{
	native_histogram_init(&again, of_again, NATIVE_SIDE_MAX);
	again.schema = h.schema;
	again.floats = h.floats;
	again.positive.count = h.positive.count;
	again.negative.count = h.negative.count;
	memcpy(of_again, of_h, sizeof of_h);
}

static void too_many_buckets_are_merged(void **state)
{
	(void)state;
	for (seed = 1; seed < ROUNDS; seed++) {
		uint64_t kept = seed;
		seed = seed * 0x9e3779b97f4a7c15u;
		make(kept % 2, kept % 3 ? 100 : NATIVE_SIDE_MAX);
		h.schema = draw(6) + 3;
		copy();
		assert_true(native_histogram_reduce(&again));
		assert_in_range(again.positive.count + again.negative.count, 0, NATIVE_BUCKETS_MAX);
		assert_true(again.schema == h.schema || h.positive.count + h.negative.count > NATIVE_BUCKETS_MAX);
		assert_merged(&h.positive, &again.positive, h.schema - again.schema);
		assert_merged(&h.negative, &again.negative, h.schema - again.schema);
		assert_true(all_of(&h.positive, h.floats) == all_of(&again.positive, h.floats));
		assert_true(all_of(&h.negative, h.floats) == all_of(&again.negative, h.floats));
		seed = kept;
	}
}

static void a_schema_that_readers_do_not_know_is_merged(void **state)
{
	(void)state;
	seed = 5;
	make(false, 40);
	h.schema = 20;
	assert_true(native_histogram_read(&again, written(&h)));
	assert_true(native_histogram_reduce(&again));
	assert_int_equal(again.schema, NATIVE_SCHEMA_MAX);
}

static void far_buckets_of_the_coarsest_schema_are_too_many(void **state)
{
	(void)state;
	h.schema = NATIVE_SCHEMA_MIN;
	h.negative.count = 0;
	h.positive.count = NATIVE_BUCKETS_MAX + 1;
	for (size_t i = 0; i < h.positive.count; i++)
		h.positive.buckets[i] = (struct native_bucket){ .index = (int64_t)i * 1000 };
	assert_false(native_histogram_reduce(&h));
	h.positive.count--;
	assert_true(native_histogram_reduce(&h));
	(void)state;
}

#define ROW(text)                     \
	{                             \
		text, sizeof text - 1 \
	}
#define NAN_SUM "\x11\0\0\0\0\0\0\xf8\x7f"
#define ONE "\0\0\0\0\0\0\xf0\x3f"
/* Buckets 0 and 1, of one and two. */
#define SPAN "\x62\x04\x08\x00\x10\x02"
#define DELTAS "\x6a\x02\x02\x02"

static const struct {
	struct bytes message;
	bool is, fine;
} rows[] = {
	{ ROW(""), false, false }, { ROW("\x08\x03\x2a\x00"), false, false },
	{ ROW("\x08\x03" SPAN DELTAS), true, true }, { ROW("\x08\x03" DELTAS SPAN), true, true },
	{ ROW("\x08\x03" SPAN "\x68\x02\x68\x02"), true, true }, /* not packed */
	{ ROW("\x08\x00\x62\x00"), true, true }, /* nothing observed */
	{ ROW("\x08\x02\x38\x02"), true, true }, /* only zeros */
	{ ROW("\x31" ONE), true, true }, /* a threshold */
	{ ROW("\x08\x04" SPAN DELTAS), true, false }, /* its count is another one, … */
	{ ROW("\x08\x04" SPAN DELTAS NAN_SUM), true, true }, /* … which it may be if some are NaN */
	{ ROW("\x08\x02" SPAN DELTAS NAN_SUM), true, false },
	{ ROW("\x08\x01" SPAN "\x6a\x01\x02"), true, false }, /* too few counts for the spans, */
	{ ROW("\x08\x03\x62\x04\x08\x00\x10\x01" DELTAS), true, false }, /* too many */
	{ ROW("\x08\x03" DELTAS), false, false },
	{ ROW("\x08\x03\x62\x0a\x08\x00\x10\xff\xff\xff\xff\xff\xff\x7f" DELTAS), true,
		false }, /* a span without end */
	{ ROW("\x08\x00" SPAN "\x6a\x02\x02\x05"), true, false }, /* a count below 0 */
	{ ROW("\x08\x00" SPAN "\x6a\x0b\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), true, false }, /* it overflows */
	{ ROW("\x08\x03\x62\x04\x08\x00\x10\x01\x62\x04\x08\x01\x10\x01" DELTAS), true, false }, /* -1 behind a span */
	{ ROW("\x08\x03\x62\x04\x08\x01\x10\x01\x62\x04\x08\x02\x10\x01" DELTAS), true, true }, /* at first it may be */
	{ ROW("\x08\x03\x62\x08\x08\xfe\xff\xff\xff\x0f\x10\x02" DELTAS), true, false }, /* beyond 2^31 */
	{ ROW("\x08\x03\x28\x09" SPAN DELTAS), true, false }, /* schema -5, */
	{ ROW("\x08\x03\x28\x07" SPAN DELTAS), true, true }, /* -4, */
	{ ROW("\x08\x03\x28\x68" SPAN DELTAS), true, true }, /* 52, */
	{ ROW("\x08\x03\x28\x6a" SPAN DELTAS), true, false }, /* 53 */
	{ ROW("\x08\x03\x31\0\0\0\0\0\0\xf0\xbf" SPAN DELTAS), true, false }, /* a threshold below 0 */
	{ ROW("\x21" ONE SPAN DELTAS), true, false }, /* floats have no deltas, */
	{ ROW("\x21" ONE SPAN "\x72\x10" ONE ONE), true, true }, /* but counts, */
	{ ROW("\x21" ONE SPAN "\x72\x0f" ONE "1234567"), true, false }, /* of eight bytes, */
	{ ROW("\x21" ONE SPAN "\x72\x10" ONE "\0\0\0\0\0\0\xf0\xbf"), true, false }, /* not below 0 */
	{ ROW("\x08\x03" SPAN DELTAS "\x80"), true, false }, /* cut short */
};

static void what_readers_would_refuse_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (native_histogram_is(rows[i].message) != rows[i].is ||
			(rows[i].is && native_histogram_read(&h, rows[i].message) != rows[i].fine))
			fail_msg("row %zu", i);
}

static int give_room(void **state)
{
	(void)state;
	native_histogram_init(&h, of_h, NATIVE_SIDE_MAX);
	native_histogram_init(&again, of_again, NATIVE_SIDE_MAX);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(too_many_buckets_are_merged),
		cmocka_unit_test(a_schema_that_readers_do_not_know_is_merged),
		cmocka_unit_test(far_buckets_of_the_coarsest_schema_are_too_many),
		cmocka_unit_test(what_readers_would_refuse_is_refused),
	};

	return cmocka_run_group_tests(tests, give_room, NULL);
}
