#include "proto/otlp_points.h"

enum {
	METRIC_NAME = 1,
	METRIC_DESCRIPTION,
	METRIC_UNIT,
	DATA_POINTS = 1,
	DATA_TEMPORALITY = 2,
	SUM_MONOTONIC = 3,
	SUMMARY_QUANTILES = 6,
	POINT_START = 2, /* of all kinds */
	POINT_TIME,
	POINT_VALUE, /* the count, where there are several */
	POINT_SUM,
	POINT_INT = 6, /* of a number */
	EXEMPLAR_TIME = 2,
	EXEMPLAR_DOUBLE,
	EXEMPLAR_SPAN,
	EXEMPLAR_TRACE,
	EXEMPLAR_INT,
	BYTES_OF_STEP = 64,
};

/* What each kind of data is called in a Metric, and where its points have what. */
static const struct {
	unsigned char field, attributes, flags, exemplars;
} kinds[] = {
	[OTLP_GAUGE] = { 5, 7, 8, 5 },
	[OTLP_SUM] = { 7, 7, 8, 5 },
	[OTLP_HISTOGRAM] = { 9, 9, 10, 8 },
	[OTLP_EXPONENTIAL] = { 10, 1, 10, 11 },
	[OTLP_SUMMARY] = { 11, 7, 8, 0 },
};

void otlp_points_init(struct otlp_points *p, struct bytes body)
{
	*p = (struct otlp_points){ .levels = { wire_of(body) }, .begins = body.data };
}

static double double_of(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof value);
	return value;
}

/* Messages around points. */

static bool read_data(struct otlp_metric *m, struct bytes data)
{
	struct wire w = wire_of(data);
	struct wire_field f;
	int more;

	m->temporality = OTLP_TEMPORALITY_UNSPECIFIED;
	m->monotonic = false;
	while ((more = wire_next(&w, &f)) > 0) {
		if (f.type == WIRE_VARINT && f.number == DATA_TEMPORALITY)
			m->temporality = f.value;
		if (f.type == WIRE_VARINT && f.number == SUM_MONOTONIC)
			m->monotonic = f.value != 0;
	}
	return more == 0;
}

static bool kind_of(uint32_t field, enum otlp_metric_kind *ret)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (kinds[i].field == field) {
			*ret = (enum otlp_metric_kind)i;
			return true;
		}
	return false;
}

/* Of several kinds of data the last counts. A metric without any has no points. */
static bool read_metric(struct otlp_points *p, struct bytes metric)
{
	struct otlp_metric m = { .name = { "", 0 }, .description = { "", 0 }, .unit = { "", 0 } };
	struct bytes data = { metric.data, 0 };
	struct wire w = wire_of(metric);
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0) {
		if (f.type != WIRE_LENGTH)
			continue;
		if (f.number == METRIC_NAME)
			m.name = f.bytes;
		else if (f.number == METRIC_DESCRIPTION)
			m.description = f.bytes;
		else if (f.number == METRIC_UNIT)
			m.unit = f.bytes;
		else if (kind_of(f.number, &m.kind))
			data = f.bytes;
	}
	if (more < 0 || !read_data(&m, data))
		return false;
	p->point.metric = m;
	p->point.metrics++;
	p->point.attributes = kinds[m.kind].attributes;
	p->levels[p->depth] = wire_of(data);
	return true;
}

/* Goes into a message: depth is the level that it is. False: it cannot be read. */
static bool descend(struct otlp_points *p, struct bytes message)
{
	bool broken = false;

	p->depth++;
	p->levels[p->depth] = wire_of(message);
	if (p->depth == OTLP_POINT_LEVELS - 1)
		return read_metric(p, message);
	if (p->depth == 1) {
		p->point.resource = wire_last(message, 1, &broken);
		p->point.resources++;
	} else {
		p->point.scope = wire_last(message, 1, &broken);
		p->point.scope_schema = wire_last(message, 3, &broken);
	}
	return !broken;
}

/* Points. */

static void read_64(struct otlp_point *p, uint32_t number, uint64_t value)
{
	bool is_number = p->metric.kind == OTLP_GAUGE || p->metric.kind == OTLP_SUM;

	if (number == POINT_START) {
		p->start_ns = value;
	} else if (number == POINT_TIME) {
		p->time_ns = value;
	} else if (number == POINT_VALUE && is_number) {
		p->has_value = true;
		p->value = double_of(value);
	} else if (number == POINT_INT && is_number) {
		p->has_value = true;
		p->value = (double)(int64_t)value;
	} else if (number == POINT_VALUE) {
		p->count = value;
	} else if (number == POINT_SUM && !is_number) {
		p->has_sum = true;
		p->sum = double_of(value);
	}
}

bool otlp_point_is_large(const struct otlp_point *p)
{
	return p->message.size > OTLP_POINT_MAX || p->scope.size > OTLP_POINT_MAX || p->resource.size > OTLP_POINT_MAX;
}

static void read_point(struct otlp_point *p, struct bytes message)
{
	struct wire w = wire_of(message);
	struct wire_field f;
	int more;

	p->message = message;
	p->start_ns = p->time_ns = p->flags = p->count = 0;
	p->has_value = p->has_sum = false;
	p->value = p->sum = 0;
	p->broken = false;
	if (otlp_point_is_large(p))
		return;
	while ((more = wire_next(&w, &f)) > 0) {
		if (f.type == WIRE_64)
			read_64(p, f.number, f.value);
		else if (f.type == WIRE_VARINT && f.number == kinds[p->metric.kind].flags)
			p->flags = f.value;
	}
	p->broken = more < 0;
}

enum otlp_points_next otlp_points_next(struct otlp_points *p, size_t *steps)
{
	static const unsigned char inner[OTLP_POINT_LEVELS] = { 1, 2, 2, DATA_POINTS };
	struct wire_field f;
	int more;

	while (*steps > 0) {
		--*steps;
		more = wire_next(&p->levels[p->depth], &f);
		if (more < 0)
			return OTLP_POINTS_BROKEN;
		if (more == 0 && p->depth == 0)
			return OTLP_POINTS_END;
		if (more == 0) {
			p->depth--;
			continue;
		}
		if (f.type != WIRE_LENGTH || f.number != inner[p->depth])
			continue;
		p->begins = f.bytes.data;
		if (p->depth == OTLP_POINT_LEVELS - 1) {
			read_point(&p->point, f.bytes);
			return OTLP_POINTS_POINT;
		}
		if (!descend(p, f.bytes))
			return OTLP_POINTS_BROKEN;
		*steps -= smaller(*steps, f.bytes.size / BYTES_OF_STEP); /* it was gone through once */
	}
	return OTLP_POINTS_LATER;
}

/* Repeated fields. */

static size_t unpack(struct bytes packed, uint64_t *to, size_t count, size_t most)
{
	for (size_t at = 0; at + sizeof *to <= packed.size && count <= most; at += sizeof *to, count++)
		if (count < most)
			memcpy(&to[count], packed.data + at, sizeof *to);
	return count;
}

size_t otlp_point_numbers(const struct otlp_point *p, unsigned field, uint64_t *to, size_t most)
{
	struct wire w = wire_of(p->message);
	struct wire_field f;
	size_t count = 0;

	while (count <= most && wire_next(&w, &f) > 0) {
		if (f.number != field)
			continue;
		if (f.type == WIRE_LENGTH)
			count = unpack(f.bytes, to, count, most);
		else if (f.type == WIRE_64 && count++ < most)
			to[count - 1] = f.value;
	}
	return count;
}

size_t otlp_point_quantiles(const struct otlp_point *p, double *quantiles, double *values, size_t most)
{
	struct wire w = wire_of(p->message), pair;
	struct wire_field f, number;
	size_t count = 0;

	while (count <= most && wire_next(&w, &f) > 0) {
		if (f.number != SUMMARY_QUANTILES || f.type != WIRE_LENGTH || count++ == most)
			continue;
		quantiles[count - 1] = values[count - 1] = 0;
		pair = wire_of(f.bytes);
		while (wire_next(&pair, &number) > 0)
			if (number.type == WIRE_64 && (number.number == 1 || number.number == 2))
				(number.number == 1 ? quantiles : values)[count - 1] = double_of(number.value);
	}
	return count;
}

/* Exemplars. */

static bool read_exemplar(struct bytes message, struct otlp_exemplar *e)
{
	struct wire w = wire_of(message);
	struct wire_field f;
	int more;

	*e = (struct otlp_exemplar){ .message = message };
	while ((more = wire_next(&w, &f)) > 0) {
		if (f.type == WIRE_64 && f.number == EXEMPLAR_TIME)
			e->time_ns = f.value;
		else if (f.type == WIRE_64 && f.number == EXEMPLAR_DOUBLE)
			e->value = double_of(f.value);
		else if (f.type == WIRE_64 && f.number == EXEMPLAR_INT)
			e->value = (double)(int64_t)f.value;
		else if (f.type == WIRE_LENGTH && f.number == EXEMPLAR_SPAN)
			e->span_id = f.bytes;
		else if (f.type == WIRE_LENGTH && f.number == EXEMPLAR_TRACE)
			e->trace_id = f.bytes;
	}
	return more == 0;
}

bool otlp_exemplar_next(const struct otlp_point *p, struct wire *at, struct otlp_exemplar *ret)
{
	struct wire_field f;

	while (wire_next(at, &f) > 0)
		if (f.type == WIRE_LENGTH && f.number == kinds[p->metric.kind].exemplars)
			return read_exemplar(f.bytes, ret);
	return false;
}
