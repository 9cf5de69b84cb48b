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

/* Many fields. */

/* The messages in a message that its reader goes into. */
struct shape {
	struct {
		uint32_t field;
		const struct shape *inner;
	} inner[2];
};

/* Of a value that is an array or a map nothing is read but its length, if that is large. */
static const struct shape value_shape,
	pair_shape = { { { 2, &value_shape } } }, exemplar_shape = { { { OTLP_EXEMPLAR_ATTRIBUTES, &pair_shape } } },
	resource_shape = { { { 1, &pair_shape } } }, scope_shape = { { { 3, &pair_shape } } };

enum { SHAPE_LEVELS = 4 };

static const struct shape *inner_of(const struct shape *shape, const struct wire_field *f)
{
	for (size_t i = 0; i < COUNT_OF(shape->inner) && f->type == WIRE_LENGTH; i++)
		if (shape->inner[i].inner && shape->inner[i].field == f->number)
			return shape->inner[i].inner;
	return NULL;
}

/* Whether it has more than OTLP_POINT_FIELDS_MAX, each of two bytes at least. What cannot be read ends its message, as
 * it does for a reader. */
static bool has_many_fields(struct bytes message, const struct shape *shape)
{
	struct {
		struct wire at;
		const struct shape *shape;
	} levels[SHAPE_LEVELS] = { { wire_of(message), shape } };
	size_t left = message.size / 2 > OTLP_POINT_FIELDS_MAX ? OTLP_POINT_FIELDS_MAX : 0, exemplars = 0;
	unsigned depth = 0;
	struct wire_field f;

	if (left == 0)
		return false;
	while (left > 0) {
		const struct shape *inner;
		if (wire_next(&levels[depth].at, &f) <= 0) {
			if (depth-- == 0)
				return false;
			continue;
		}
		left--;
		inner = inner_of(levels[depth].shape, &f);
		if (!inner || (inner == &exemplar_shape && exemplars++ >= OTLP_EXEMPLARS_MAX))
			continue;
		depth++;
		levels[depth].at = wire_of(f.bytes);
		levels[depth].shape = inner;
	}
	return true;
}

static bool is_large(struct bytes message, const struct shape *shape)
{
	return message.size > OTLP_POINT_MAX || has_many_fields(message, shape);
}

/* Messages around points: each is looked at field by field before the walk goes into it. */

static void look_at_data(struct otlp_metric *m, const struct wire_field *f)
{
	if (f->type == WIRE_VARINT && f->number == DATA_TEMPORALITY)
		m->temporality = f->value;
	if (f->type == WIRE_VARINT && f->number == SUM_MONOTONIC)
		m->monotonic = f->value != 0;
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
static void look_at_metric(struct otlp_points *p, const struct wire_field *f)
{
	struct otlp_metric *m = &p->point.metric;

	if (f->type != WIRE_LENGTH)
		return;
	if (f->number == METRIC_NAME)
		m->name = f->bytes;
	else if (f->number == METRIC_DESCRIPTION)
		m->description = f->bytes;
	else if (f->number == METRIC_UNIT)
		m->unit = f->bytes;
	else if (kind_of(f->number, &m->kind))
		p->data = f->bytes;
}

static void look_at(struct otlp_points *p, const struct wire_field *f)
{
	if (p->looking == OTLP_AHEAD_DATA)
		look_at_data(&p->point.metric, f);
	else if (p->depth == OTLP_POINT_LEVELS - 1)
		look_at_metric(p, f);
	else if (p->depth == 1 && f->number == 1 && f->type == WIRE_LENGTH)
		p->point.resource = f->bytes;
	else if (p->depth == 2 && f->number == 1 && f->type == WIRE_LENGTH)
		p->point.scope = f->bytes;
	else if (p->depth == 2 && f->number == 3 && f->type == WIRE_LENGTH)
		p->point.scope_schema = f->bytes;
}

/* All of the message was looked at: the walk goes into it, but into a metric through its data. */
static void looked_at(struct otlp_points *p)
{
	struct otlp_point *point = &p->point;
	bool data = p->depth == OTLP_POINT_LEVELS - 1 && p->looking == OTLP_AHEAD_MESSAGE;

	p->looking = data ? OTLP_AHEAD_DATA : OTLP_AHEAD_NOT;
	if (data) {
		p->ahead = p->levels[p->depth] = wire_of(p->data);
		point->attributes = kinds[point->metric.kind].attributes;
	} else if (p->depth == 1) {
		point->large_resource = is_large(point->resource, &resource_shape);
	} else if (p->depth == 2) {
		point->large_scope = is_large(point->scope, &scope_shape);
	}
}

/* depth is the level that the message is. */
static void descend(struct otlp_points *p, struct bytes message)
{
	static const struct bytes none = { "", 0 };

	p->depth++;
	p->levels[p->depth] = p->ahead = wire_of(message);
	p->looking = OTLP_AHEAD_MESSAGE;
	if (p->depth == OTLP_POINT_LEVELS - 1) {
		p->point.metric = (struct otlp_metric){ .name = none, .description = none, .unit = none };
		p->point.metrics++;
		p->data = (struct bytes){ message.data, 0 };
	} else if (p->depth == 1) {
		p->point.resource = none;
		p->point.resources++;
	} else {
		p->point.scope = p->point.scope_schema = none;
	}
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

static bool is_large_point(const struct otlp_point *p)
{
	bool summary = p->metric.kind == OTLP_SUMMARY;
	const struct shape shape = { { { kinds[p->metric.kind].attributes, &pair_shape },
		{ summary ? SUMMARY_QUANTILES : kinds[p->metric.kind].exemplars,
			summary ? &value_shape : &exemplar_shape } } };

	return is_large(p->message, &shape);
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
	p->large = is_large_point(p);
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

/* At a message that has points in it. */
static bool is_at_point(struct otlp_points *p, struct bytes message)
{
	p->begins = message.data;
	if (p->depth < OTLP_POINT_LEVELS - 1) {
		descend(p, message);
		return false;
	}
	read_point(&p->point, message);
	return true;
}

enum otlp_points_next otlp_points_next(struct otlp_points *p, size_t *steps)
{
	static const unsigned char inner[OTLP_POINT_LEVELS] = { 1, 2, 2, DATA_POINTS };
	struct wire_field f;

	for (; *steps > 0; --*steps) {
		bool looking = p->looking;
		int more = wire_next(looking ? &p->ahead : &p->levels[p->depth], &f);
		if (more < 0)
			return OTLP_POINTS_BROKEN;
		if (looking && more > 0)
			look_at(p, &f);
		else if (looking)
			looked_at(p);
		else if (more == 0 && p->depth == 0)
			return OTLP_POINTS_END;
		else if (more == 0)
			p->depth--;
		else if (f.type == WIRE_LENGTH && f.number == inner[p->depth] && is_at_point(p, f.bytes))
			return OTLP_POINTS_POINT;
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
