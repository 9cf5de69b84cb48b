/*
 * Metrics. Each point goes into a meter (otlp_meters.h), some at a time; the answer follows when all have. A point that
 * cannot is refused alone, and the answer reports it as a partial success. Nothing is offered: a request that was
 * answered is on the next page, and what deltas have added up to is saved, which outlives a kill.
 */
#include <stdio.h>

#include "base/text.h"
#include "collectors/otlp_door.h"

enum {
	POINTS_AT_ONCE = 200, /* a third of a millisecond, twice that if all are deltas, as that many of these: */
	BYTES_OF_POINT = 256, /* that are read */
	BYTES_OF_COUNTING = 4 * OTLP_POINT_FIELDS_MAX,
	POINTS_OF_RESOURCE = 20, /* to tell what is known of it takes as long */
	STEPS_AT_ONCE = 20000, /* fields around them */
};

static void look(struct door_request *r)
{
	struct bytes body = { r->body.data, r->body.size };
	enum otlp_points_next next = OTLP_POINTS_POINT;
	size_t steps = SIZE_MAX;
	struct otlp_points p;

	if (otlp_is_json(r, OTLP_JSON_METRICS))
		return;
	otlp_points_init(&p, body);
	while (next == OTLP_POINTS_POINT)
		next = otlp_points_next(&p, &steps);
	if (next == OTLP_POINTS_END)
		return;
	snprintf(r->reason, sizeof r->reason, "not an OTLP metrics request: a message that cannot be read at byte %zu",
		(size_t)(p.begins - body.data));
	r->fault = r->reason;
}

static size_t mend(struct door_request *r)
{
	return otlp_read_json(r, OTLP_JSON_METRICS);
}

static bool fill(struct door_request *r)
{
	otlp_points_init(&otlp_of(r)->metrics.points, (struct bytes){ r->body.data, r->body.size });
	return true;
}

static void take(struct door_request *r, const struct otlp_point *p)
{
	struct otlp_metrics_request *m = &otlp_of(r)->metrics;
	enum otlp_point_fault fault = otlp_meters_take(otlp_door_of(r)->meters, p);

	if (!fault) {
		m->taken++;
		return;
	}
	if (m->refused++ > 0)
		return;
	m->fault = fault;
	m->number = m->taken + 1;
	snprintf(m->name, sizeof m->name, "%.*s", (int)smaller(p->metric.name.size, sizeof m->name),
		p->metric.name.data);
	text_one_line(m->name);
}

/* How many points it is as good as. The scope is read with each of its points; of what is large, fields were
 * counted. */
static size_t cost(const struct otlp_point *p, bool other_resource)
{
	size_t bytes = p->message.size + p->scope.size + p->scope_schema.size;

	if (other_resource)
		bytes += p->resource.size;
	if (otlp_point_is_large(p))
		bytes = smaller(bytes, BYTES_OF_COUNTING);
	return 1 + bytes / BYTES_OF_POINT + (other_resource ? POINTS_OF_RESOURCE : 0);
}

static bool apply(struct door_request *r)
{
	struct otlp_metrics_request *m = &otlp_of(r)->metrics;
	enum otlp_points_next next = OTLP_POINTS_POINT;
	size_t steps = STEPS_AT_ONCE, done = 0;

	if (!m->begun)
		otlp_meters_begin(otlp_door_of(r)->meters);
	m->begun = true;
	while (done < POINTS_AT_ONCE) {
		uint64_t resource = m->points.point.resources;
		next = otlp_points_next(&m->points, &steps);
		if (next != OTLP_POINTS_POINT)
			break;
		take(r, &m->points.point);
		done += cost(&m->points.point, m->points.point.resources != resource);
	}
	otlp_meters_answer(otlp_door_of(r)->meters, POINTS_AT_ONCE);
	OXP_ASSERT(next != OTLP_POINTS_BROKEN); /* as look() saw */
	return next != OTLP_POINTS_END;
}

static void taken(struct door_request *r)
{
	const struct otlp_metrics_request *m = &otlp_of(r)->metrics;

	if (m->refused)
		snprintf(r->reason, sizeof r->reason,
			"%llu of %llu data points refused; the first is point %llu, of the metric \"%s\": %s",
			(unsigned long long)m->refused, (unsigned long long)(m->refused + m->taken),
			(unsigned long long)m->number, m->name, otlp_point_fault_reason(m->fault));
	otlp_answer_taken(r, "rejectedDataPoints", m->refused);
}

const struct otlp_service otlp_service_metrics = {
	.path = "/v1/metrics",
	.rpc = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
	.type = { .signal = SIGNAL_METRICS,
		.content = otlp_content,
		.request_size = sizeof(struct otlp_request),
		.look = look,
		.mend = mend,
		.fill = fill,
		.apply = apply,
		.taken = taken,
		.answer = otlp_answer },
};
