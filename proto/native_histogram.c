#include "proto/native_histogram.h"

#include <float.h>
#include <math.h> /* NAN */
#include <stdlib.h>

#include "proto/metric_family.h"
#include "proto/otlp_wire.h"

static double real(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

void native_histogram_init(struct native_histogram *h, struct native_bucket *buckets, size_t room)
{
	*h = (struct native_histogram){ .schema = NATIVE_SCHEMA_MAX,
		.positive = { .room = room, .buckets = buckets },
		.negative = { .room = room, .buckets = buckets + room } };
}

struct native_histogram *native_histogram_new(void)
{
	struct {
		struct native_histogram histogram;
		struct native_bucket buckets[2 * NATIVE_SIDE_MAX];
	} *all = malloc(sizeof *all);

	if (!all)
		return NULL;
	native_histogram_init(&all->histogram, all->buckets, NATIVE_SIDE_MAX);
	return &all->histogram;
}

bool native_histogram_is(struct bytes histogram)
{
	struct wire w = wire_of(histogram);
	struct wire_field f;
	bool is = false;

	while (!is && wire_next(&w, &f) > 0)
		is = (f.number == HISTOGRAM_POSITIVE_SPAN && f.type == WIRE_LENGTH) ||
		     (f.number == HISTOGRAM_NEGATIVE_SPAN && f.type == WIRE_LENGTH) ||
		     (f.number == HISTOGRAM_ZERO_THRESHOLD && f.type == WIRE_64 && real(f.value) > 0) ||
		     (f.number == HISTOGRAM_ZERO_COUNT && f.type == WIRE_VARINT && f.value > 0);
	return is;
}

/* A bucket's count, as it is written: the difference to the one before, or all of a float. */
static bool add_count(struct native_side *s, bool is_float, uint64_t written)
{
	struct native_bucket *b = &s->buckets[s->count];
	int64_t sum = s->count > 0 ? (int64_t)b[-1].whole : 0;

	if (s->count == s->room)
		return false;
	*b = (struct native_bucket){ .part = is_float ? real(written) : 0 };
	s->count++;
	if (is_float)
		return b->part >= 0 && b->part <= DBL_MAX;
	if (__builtin_add_overflow(sum, wire_unzigzag(written), &sum) || sum < 0)
		return false;
	b->whole = (uint64_t)sum;
	return true;
}

/* All of a packed field, or the one of a plain one. */
static bool add_counts(struct native_side *s, bool is_float, const struct wire_field *f)
{
	struct wire w;
	bool fine = true;

	if (f->type == (is_float ? WIRE_64 : WIRE_VARINT))
		return add_count(s, is_float, f->value);
	if (f->type != WIRE_LENGTH)
		return true;
	w = wire_of(f->bytes);
	while (fine && w.at < w.end) {
		uint64_t value = 0;
		if (!is_float) {
			fine = wire_varint(&w.at, w.end, &value) == WIRE_VARINT_OK;
		} else if ((fine = w.end - w.at >= 8)) {
			memcpy(&value, w.at, sizeof value);
			w.at += sizeof value;
		}
		fine = fine && add_count(s, is_float, value);
	}
	return fine;
}

static bool read_counts(struct native_histogram *h, struct bytes histogram)
{
	struct wire w = wire_of(histogram);
	unsigned positive = h->floats ? HISTOGRAM_POSITIVE_COUNT : HISTOGRAM_POSITIVE_DELTA;
	unsigned negative = h->floats ? HISTOGRAM_NEGATIVE_COUNT : HISTOGRAM_NEGATIVE_DELTA;
	struct wire_field f;
	bool fine = true;

	while (fine && wire_next(&w, &f) > 0)
		if (f.number == positive || f.number == negative)
			fine = add_counts(f.number == positive ? &h->positive : &h->negative, h->floats, &f);
	return fine;
}

/* Gives the next buckets of a side their places. */
static bool place(struct native_side *s, struct bytes span, size_t *placed, int64_t *at, bool first)
{
	struct wire w = wire_of(span);
	int64_t offset = 0;
	uint64_t length = 0;
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0)
		if (f.number == SPAN_OFFSET && f.type == WIRE_VARINT)
			offset = wire_unzigzag(f.value);
		else if (f.number == SPAN_LENGTH && f.type == WIRE_VARINT)
			length = f.value;
	if (more < 0 || length > s->count - *placed || offset > INT32_MAX || offset < (first ? INT32_MIN : 0))
		return false;
	*at += offset;
	while (length-- > 0)
		s->buckets[(*placed)++].index = (*at)++;
	return *at <= INT32_MAX;
}

static bool read_spans(struct native_side *s, struct bytes histogram, unsigned field)
{
	struct wire w = wire_of(histogram);
	size_t placed = 0;
	int64_t at = 0;
	bool first = true, fine = true;
	struct wire_field f;

	while (fine && wire_next(&w, &f) > 0)
		if (f.number == field && f.type == WIRE_LENGTH) {
			fine = place(s, f.bytes, &placed, &at, first);
			first = false;
		}
	return fine && placed == s->count;
}

/* All that is there once. */
static bool read_numbers(struct native_histogram *h, struct bytes histogram, double *ret_sum)
{
	struct wire w = wire_of(histogram);
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0)
		if (f.type == WIRE_VARINT && f.number == HISTOGRAM_COUNT)
			h->count = f.value;
		else if (f.type == WIRE_VARINT && f.number == HISTOGRAM_ZERO_COUNT)
			h->zero = f.value;
		else if (f.type == WIRE_VARINT && f.number == HISTOGRAM_SCHEMA)
			h->schema = wire_unzigzag(f.value);
		else if (f.type == WIRE_64 && f.number == HISTOGRAM_COUNT_FLOAT)
			h->count_part = real(f.value);
		else if (f.type == WIRE_64 && f.number == HISTOGRAM_ZERO_COUNT_FLOAT)
			h->zero_part = real(f.value);
		else if (f.type == WIRE_64 && f.number == HISTOGRAM_ZERO_THRESHOLD)
			h->zero_threshold = real(f.value);
		else if (f.type == WIRE_64 && f.number == HISTOGRAM_SUM)
			*ret_sum = real(f.value);
	return more == 0;
}

static bool add_side(const struct native_side *s, uint64_t *sum)
{
	bool fine = true;

	for (size_t i = 0; i < s->count && fine; i++)
		fine = !__builtin_add_overflow(*sum, s->buckets[i].whole, sum);
	return fine;
}

/* The buckets have all that was counted. What is NaN is in none of them, and makes the sum NaN. */
static bool adds_up(const struct native_histogram *h, double sum)
{
	uint64_t counted = h->zero;

	if (h->floats)
		return h->count_part >= 0 && h->zero_part >= 0;
	if (!add_side(&h->positive, &counted) || !add_side(&h->negative, &counted))
		return false;
	return counted == h->count || (sum != sum && counted < h->count);
}

/* *ret_sum stays as it is if there is none. */
static bool read_all(struct native_histogram *h, struct bytes histogram, double *ret_sum)
{
	h->schema = 0;
	h->zero_threshold = h->count_part = h->zero_part = 0;
	h->count = h->zero = 0;
	h->positive.count = h->negative.count = 0;
	if (!read_numbers(h, histogram, ret_sum))
		return false;
	h->floats = h->count_part > 0 || h->zero_part > 0;
	return h->schema >= NATIVE_SCHEMA_MIN && h->schema <= NATIVE_SCHEMA_READ_MAX && h->zero_threshold >= 0 &&
	       h->zero_threshold <= DBL_MAX && read_counts(h, histogram) &&
	       read_spans(&h->positive, histogram, HISTOGRAM_POSITIVE_SPAN) &&
	       read_spans(&h->negative, histogram, HISTOGRAM_NEGATIVE_SPAN) && adds_up(h, *ret_sum);
}

bool native_histogram_read(struct native_histogram *h, struct bytes histogram)
{
	double sum = 0;

	return read_all(h, histogram, &sum);
}

bool native_histogram_read_written(struct native_histogram *h, struct bytes histogram)
{
	double sum = NAN;

	return read_all(h, histogram, &sum);
}

/* Half the resolution: (index 1 and 2) become 1, (3 and 4) 2. */
static void merge(struct native_side *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++) {
		struct native_bucket b = s->buckets[i];
		b.index = ((b.index - 1) >> 1) + 1;
		if (n > 0 && s->buckets[n - 1].index == b.index) {
			s->buckets[n - 1].whole += b.whole;
			s->buckets[n - 1].part += b.part;
		} else {
			s->buckets[n++] = b;
		}
	}
	s->count = n;
}

void native_histogram_halve(struct native_histogram *h)
{
	OXP_ASSERT(h->schema > NATIVE_SCHEMA_MIN);
	merge(&h->positive);
	merge(&h->negative);
	h->schema--;
}

bool native_histogram_reduce(struct native_histogram *h)
{
	while (h->schema > NATIVE_SCHEMA_MAX || h->positive.count + h->negative.count > NATIVE_BUCKETS_MAX) {
		if (h->schema == NATIVE_SCHEMA_MIN)
			return false;
		native_histogram_halve(h);
	}
	return true;
}

static void put_double(struct otlp_build *b, unsigned field, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	otlp_build_fixed64(b, field, bits);
}

static void put_span(struct otlp_build *b, unsigned field, int64_t offset, size_t length)
{
	size_t begun = otlp_build_begin(b, field);

	otlp_build_number(b, SPAN_OFFSET, wire_zigzag(offset));
	otlp_build_number(b, SPAN_LENGTH, length);
	otlp_build_end(b, begun);
}

static void put_spans(struct otlp_build *b, unsigned field, const struct native_side *s)
{
	int64_t end = 0;

	for (size_t i = 0, next; i < s->count; i = next) {
		next = i + 1;
		while (next < s->count && s->buckets[next].index == s->buckets[next - 1].index + 1)
			next++;
		put_span(b, field, s->buckets[i].index - end, next - i);
		end = s->buckets[next - 1].index + 1;
	}
}

static void put_counts(struct otlp_build *b, unsigned field, const struct native_side *s, bool floats)
{
	int64_t before = 0;
	size_t begun;

	if (s->count == 0)
		return;
	begun = otlp_build_begin(b, field);
	for (size_t i = 0; i < s->count; i++) {
		const struct native_bucket *bucket = &s->buckets[i];
		if (floats) {
			otlp_build_raw(b, (struct bytes){ (const char *)&bucket->part, sizeof bucket->part });
		} else {
			otlp_build_varint(b, wire_zigzag((int64_t)(bucket->whole - (uint64_t)before)));
			before = (int64_t)bucket->whole;
		}
	}
	otlp_build_end(b, begun);
}

void native_histogram_write(const struct native_histogram *h, struct otlp_build *b)
{
	bool empty = h->positive.count + h->negative.count == 0;

	if (h->floats)
		put_double(b, HISTOGRAM_COUNT_FLOAT, h->count_part);
	else
		otlp_build_number(b, HISTOGRAM_COUNT, h->count);
	otlp_build_number(b, HISTOGRAM_SCHEMA, wire_zigzag(h->schema));
	put_double(b, HISTOGRAM_ZERO_THRESHOLD, h->zero_threshold);
	if (h->floats)
		put_double(b, HISTOGRAM_ZERO_COUNT_FLOAT, h->zero_part);
	else
		otlp_build_number(b, HISTOGRAM_ZERO_COUNT, h->zero);
	put_spans(b, HISTOGRAM_NEGATIVE_SPAN, &h->negative);
	put_counts(b, h->floats ? HISTOGRAM_NEGATIVE_COUNT : HISTOGRAM_NEGATIVE_DELTA, &h->negative, h->floats);
	put_spans(b, HISTOGRAM_POSITIVE_SPAN, &h->positive);
	put_counts(b, h->floats ? HISTOGRAM_POSITIVE_COUNT : HISTOGRAM_POSITIVE_DELTA, &h->positive, h->floats);
	if (empty) /* without a span it would be a classic one */
		put_span(b, HISTOGRAM_POSITIVE_SPAN, 0, 0);
}
