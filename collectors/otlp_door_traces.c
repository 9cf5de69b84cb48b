/*
 * Spans. A body is checked on the wire before anything else sees it, so one client's bytes cannot sink a merged batch.
 * A wrong frame is answered 400. If the frame is fine, a fault costs only the part that has it, and the answer reports
 * it as a partial success: what can be mended is mended (proto/otlp_mend.h), and a span that cannot be is refused.
 */
#include <stdio.h>

#include "collectors/otlp_door.h"
#include "proto/otlp_walk.h"

/* The check of that much takes a tenth of a millisecond; the lane would first fetch it into another core's cache. */
enum { INLINE_MAX = 512 << 10 };

/* `reason` says what was done. */
static enum otlp_fault plan_mending(struct door_request *r, size_t *at)
{
	struct otlp_mend *m = &otlp_of(r)->mend;
	enum otlp_fault fault;

	r->later = !r->in_lane && r->body.size > DOOR_MEND_INLINE_MAX;
	if (r->later)
		return OTLP_OK;
	fault = otlp_mend_plan((struct bytes){ r->body.data, r->body.size }, m, at);
	if (fault)
		return fault;
	otlp_mend_tell(m, r->reason, sizeof r->reason);
	m->span = (struct bytes){ "", 0 };
	if (m->spans == 0) /* there is nothing to write */
		return OTLP_OK;
	r->wants = m->room;
	r->again = m->size > SPANS_PART_MAX;
	r->over_max = m->size > r->door->body_max || m->room > 2 * r->door->body_max;
	if (r->over_max)
		r->fault = "what is wrong in the request takes more than body_max to mend: send less at a time";
	return OTLP_OK;
}

static void look(struct door_request *r)
{
	size_t at = 0;
	struct otlp_summary sum;
	enum otlp_fault fault;

	if (otlp_is_json(r, OTLP_JSON_TRACES))
		return;
	if (otlp_of(r)->mended) {
		spans_parts_plan(&otlp_of(r)->parts, r);
		return;
	}
	fault = otlp_traces_check(r->body.data, r->body.size, &sum, &at);
	otlp_of(r)->mend = (struct otlp_mend){ .spans = sum.spans };
	if (otlp_fault_can_be_mended(fault))
		fault = plan_mending(r, &at);
	else if (!fault)
		spans_parts_plan(&otlp_of(r)->parts, r);
	if (fault == OTLP_OK)
		return;
	snprintf(r->reason, sizeof r->reason, "not an OTLP trace request: %s at byte %zu", otlp_fault_name(fault), at);
	r->fault = r->reason;
}

static size_t mend(struct door_request *r)
{
	struct otlp_request *o = otlp_of(r);

	if (spans_parts_are_due(&o->parts))
		return spans_parts_write(&o->parts, r);
	if (r->content == OTLP_JSON && !o->read)
		return otlp_read_json(r, OTLP_JSON_TRACES);
	otlp_mend_write(r->body.old, &o->mend, r->body.data);
	o->mended = true;
	return o->mend.size;
}

/* An empty request is fine and nothing to keep. */
static bool fill(struct door_request *r)
{
	uint64_t spans = otlp_of(r)->mend.spans;

	return spans == 0 || spans_parts_fill(&otlp_of(r)->parts, r, spans);
}

static void taken(struct door_request *r)
{
	struct otlp_door *d = otlp_door_of(r);
	const struct otlp_mend *m = &otlp_of(r)->mend;

	*d->spans += m->spans;
	*d->refused += m->refused;
	*d->texts += m->texts;
	*d->values += m->values;
	*d->links += m->links;
	if (m->refused)
		host_refused(d->door.host, SIGNAL_TRACES, m->refused, m->refused_bytes);
	otlp_answer_taken(r, "rejectedSpans", m->refused);
}

const struct otlp_service otlp_service_traces = {
	.path = "/v1/traces",
	.rpc = "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
	.type = { .signal = SIGNAL_TRACES,
		.content = otlp_content,
		.request_size = sizeof(struct otlp_request),
		.inline_max = INLINE_MAX,
		.look = look,
		.mend = mend,
		.fill = fill,
		.taken = taken,
		.answer = otlp_answer },
};
