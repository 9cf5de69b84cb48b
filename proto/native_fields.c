#include "proto/native_fields.h"

#include "proto/metric_family.h"

/* Fields of prometheus.Histogram; their types are those of metrics.proto, and so are spans. */
enum { SAMPLE_SUM = 3, SAMPLE_TIME = 15, SAMPLE_START = 17 };

static const unsigned char sample_fields[] = {
	[HISTOGRAM_COUNT] = 1,
	[HISTOGRAM_COUNT_FLOAT] = 2,
	[HISTOGRAM_SCHEMA] = 4,
	[HISTOGRAM_ZERO_THRESHOLD] = 5,
	[HISTOGRAM_ZERO_COUNT] = 6,
	[HISTOGRAM_ZERO_COUNT_FLOAT] = 7,
	[HISTOGRAM_NEGATIVE_SPAN] = 8,
	[HISTOGRAM_NEGATIVE_DELTA] = 9,
	[HISTOGRAM_NEGATIVE_COUNT] = 10,
	[HISTOGRAM_POSITIVE_SPAN] = 11,
	[HISTOGRAM_POSITIVE_DELTA] = 12,
	[HISTOGRAM_POSITIVE_COUNT] = 13,
	[HISTOGRAM_EXEMPLARS] = 0,
};

/* Of a google.protobuf.Timestamp; 0: before 1970, or beyond all times. */
static int64_t time_of(struct bytes message)
{
	struct wire w = wire_of(message);
	uint64_t seconds = 0, nanos = 0;
	struct wire_field f;

	while (wire_next(&w, &f) > 0)
		if (f.type == WIRE_VARINT && f.number == TIME_SECONDS)
			seconds = f.value;
		else if (f.type == WIRE_VARINT && f.number == TIME_NANOS)
			nanos = f.value;
	return seconds < UINT64_C(9000000000000) && nanos < 1000000000 ? (int64_t)(seconds * 1000 + nanos / 1000000)
								       : 0;
}

int64_t native_fields_created(struct bytes native)
{
	return time_of(wire_last(native, HISTOGRAM_CREATED, NULL));
}

bool native_exemplar_next(struct wire *native, struct native_exemplar *ret)
{
	struct wire_field f = { .number = 0 };
	struct wire w;

	while (f.number != HISTOGRAM_EXEMPLARS || f.type != WIRE_LENGTH)
		if (wire_next(native, &f) <= 0)
			return false;
	*ret = (struct native_exemplar){ .labels = wire_of(f.bytes) };
	w = ret->labels;
	while (wire_next(&w, &f) > 0)
		if (f.number == EXEMPLAR_VALUE && f.type == WIRE_64)
			memcpy(&ret->value, &f.value, sizeof ret->value);
		else if (f.number == EXEMPLAR_TIME && f.type == WIRE_LENGTH)
			ret->at_ms = time_of(f.bytes);
	return true;
}

bool native_exemplar_label(struct wire *labels, struct bytes *ret_name, struct bytes *ret_value)
{
	struct wire_field f = { .number = 0 };

	while (f.number != EXEMPLAR_LABEL || f.type != WIRE_LENGTH)
		if (wire_next(labels, &f) <= 0)
			return false;
	*ret_name = wire_last(f.bytes, LABEL_NAME, NULL);
	*ret_value = wire_last(f.bytes, LABEL_VALUE, NULL);
	return true;
}

static void put_field(const struct wire_field *f, struct otlp_build *to)
{
	unsigned number = f->number < COUNT_OF(sample_fields) ? sample_fields[f->number] : 0;

	if (number == 0)
		return;
	if (f->type == WIRE_VARINT)
		otlp_build_number(to, number, f->value);
	else if (f->type == WIRE_64)
		otlp_build_fixed64(to, number, f->value);
	else if (f->type == WIRE_LENGTH)
		otlp_build_bytes(to, number, f->bytes);
}

void native_sample_write(const struct native_sample *s, unsigned field, struct otlp_build *to)
{
	struct wire w = wire_of(s->native);
	size_t begun = otlp_build_begin(to, field);
	struct wire_field f;
	uint64_t sum;

	memcpy(&sum, &s->sum, sizeof sum);
	while (wire_next(&w, &f) > 0)
		put_field(&f, to);
	otlp_build_fixed64(to, SAMPLE_SUM, sum);
	otlp_build_number(to, SAMPLE_TIME, (uint64_t)s->at_ms);
	if (s->start_ms > 0)
		otlp_build_number(to, SAMPLE_START, (uint64_t)s->start_ms);
	otlp_build_end(to, begun);
}
