#include "proto/otlp_native.h"

#include <float.h>

/* Fields of ExponentialHistogramDataPoint, and of its Buckets (opentelemetry-proto 1.x, metrics.proto). */
enum {
	POINT_COUNT = 4,
	POINT_SCALE = 6,
	POINT_ZERO_COUNT = 7,
	POINT_POSITIVE = 8,
	POINT_NEGATIVE = 9,
	POINT_ZERO_THRESHOLD = 14,
	BUCKETS_OFFSET = 1,
	BUCKETS_COUNTS = 2,
};

/* What is there once. */
struct numbers {
	int64_t scale;
	uint64_t zero;
	double threshold;
	struct bytes positive, negative;
};

static void read_numbers(struct bytes point, struct numbers *n)
{
	struct wire w = wire_of(point);
	struct wire_field f;

	while (wire_next(&w, &f) > 0)
		if (f.type == WIRE_VARINT && f.number == POINT_SCALE)
			n->scale = wire_unzigzag(f.value);
		else if (f.type == WIRE_64 && f.number == POINT_ZERO_COUNT)
			n->zero = f.value;
		else if (f.type == WIRE_64 && f.number == POINT_ZERO_THRESHOLD)
			memcpy(&n->threshold, &f.value, sizeof n->threshold);
		else if (f.type == WIRE_LENGTH && f.number == POINT_POSITIVE)
			n->positive = f.bytes;
		else if (f.type == WIRE_LENGTH && f.number == POINT_NEGATIVE)
			n->negative = f.bytes;
}

/* Of one sign, from the first bucket on. */
struct side {
	struct native_sum *to;
	bool negative;
	int64_t scale, index; /* of the next bucket, by its lower bound */
	unsigned count; /* of them, and of empty ones */
};

static bool put(struct side *s, uint64_t count)
{
	if (s->count++ == OTLP_NATIVE_SIDE_MAX)
		return false;
	s->index++;
	if (count == 0)
		return true;
	return s->index <= INT32_MAX && native_sum_put(s->to, s->negative, s->scale, s->index, count);
}

static bool put_packed(struct side *s, struct bytes packed)
{
	struct wire w = wire_of(packed);
	uint64_t count;

	while (w.at < w.end)
		if (wire_varint(&w.at, w.end, &count) != WIRE_VARINT_OK || !put(s, count))
			return false;
	return true;
}

/* The last offset counts, wherever it stands. False: it is none, or the message cannot be read. */
static bool read_offset(struct bytes buckets, int64_t *ret)
{
	struct wire w = wire_of(buckets);
	struct wire_field f;
	int more;

	*ret = 0;
	while ((more = wire_next(&w, &f)) > 0)
		if (f.type == WIRE_VARINT && f.number == BUCKETS_OFFSET)
			*ret = wire_unzigzag(f.value);
	return more == 0 && *ret >= INT32_MIN && *ret <= INT32_MAX;
}

static bool read_side(struct side *s, struct bytes buckets)
{
	struct wire w = wire_of(buckets);
	struct wire_field f;
	bool fine = read_offset(buckets, &s->index);

	while (fine && wire_next(&w, &f) > 0)
		if (f.number == BUCKETS_COUNTS && f.type == WIRE_VARINT)
			fine = put(s, f.value);
		else if (f.number == BUCKETS_COUNTS && f.type == WIRE_LENGTH)
			fine = put_packed(s, f.bytes);
	return fine;
}

/* What is NaN is in no bucket, and makes the sum NaN. */
static bool adds_up(const struct otlp_point *p, const struct native_histogram *h)
{
	uint64_t counted;

	if (p->count > NATIVE_COUNT_MAX || !native_sum_total(h, &counted))
		return false;
	return counted == p->count || (counted < p->count && (!p->has_sum || p->sum != p->sum));
}

enum otlp_native otlp_native_read(const struct otlp_point *p, struct native_sum *ret)
{
	struct numbers n = { .positive = { "", 0 }, .negative = { "", 0 } };
	struct side positive = { .to = ret }, negative = { .to = ret, .negative = true };
	bool fine;

	read_numbers(p->message, &n);
	if (n.scale < NATIVE_SCHEMA_MIN)
		return OTLP_NATIVE_SCALE;
	native_sum_init(ret);
	if (n.scale < ret->all.schema)
		ret->all.schema = n.scale;
	ret->all.zero = n.zero;
	ret->all.zero_threshold = n.threshold > 0 ? n.threshold : OTLP_ZERO_THRESHOLD;
	positive.scale = negative.scale = n.scale;
	fine = n.threshold >= 0 && n.threshold <= DBL_MAX && read_side(&positive, n.positive) &&
	       read_side(&negative, n.negative);
	if (positive.count > OTLP_NATIVE_SIDE_MAX || negative.count > OTLP_NATIVE_SIDE_MAX)
		return OTLP_NATIVE_MANY;
	if (!fine || !adds_up(p, &ret->all))
		return OTLP_NATIVE_BUCKETS;
	ret->all.count = p->count;
	return OTLP_NATIVE_FINE;
}

/* Of its buckets, and those between them. */
static int64_t width(const struct native_side *s)
{
	return s->count > 0 ? s->buckets[s->count - 1].index - s->buckets[0].index + 1 : 0;
}

static void put_side(struct otlp_build *to, unsigned field, const struct native_side *s)
{
	size_t side, counts;
	int64_t index = s->count > 0 ? s->buckets[0].index : 0;

	if (s->count == 0)
		return;
	side = otlp_build_begin(to, field);
	otlp_build_number(to, BUCKETS_OFFSET, wire_zigzag(index - 1));
	counts = otlp_build_begin(to, BUCKETS_COUNTS);
	for (size_t i = 0; i < s->count; i++, index++) {
		for (; index < s->buckets[i].index; index++)
			otlp_build_varint(to, 0);
		otlp_build_varint(to, s->buckets[i].whole);
	}
	otlp_build_end(to, counts);
	otlp_build_end(to, side);
}

bool otlp_native_fits(struct native_histogram *h)
{
	while (h->schema > NATIVE_SCHEMA_MIN &&
		(width(&h->positive) > OTLP_NATIVE_DENSE || width(&h->negative) > OTLP_NATIVE_DENSE))
		native_histogram_halve(h);
	return !h->floats && width(&h->positive) <= OTLP_NATIVE_DENSE && width(&h->negative) <= OTLP_NATIVE_DENSE;
}

bool otlp_native_write(struct native_histogram *h, struct otlp_build *to)
{
	uint64_t threshold;

	if (!otlp_native_fits(h))
		return false;
	memcpy(&threshold, &h->zero_threshold, sizeof threshold);
	otlp_build_fixed64(to, POINT_COUNT, h->count);
	otlp_build_number(to, POINT_SCALE, wire_zigzag(h->schema));
	otlp_build_fixed64(to, POINT_ZERO_COUNT, h->zero);
	put_side(to, POINT_POSITIVE, &h->positive);
	put_side(to, POINT_NEGATIVE, &h->negative);
	otlp_build_fixed64(to, POINT_ZERO_THRESHOLD, threshold);
	return true;
}
