#include "proto/otlp_walk.h"

#include <errno.h>

#include "proto/otlp_field.h"

static const char *const fault_names[OTLP_FAULTS] = {
	[OTLP_OK] = "fine", [OTLP_CUT] = "cut short", [OTLP_VARINT] = "a varint that is too long",
	[OTLP_WIRE_TYPE] = "a field with the wrong wire type", [OTLP_GROUP] = "a group, which proto3 does not have",
	[OTLP_FIELD_NUMBER] = "a field number out of range", [OTLP_WIRE] = "a message that cannot be read",
	[OTLP_UTF8] = "a string that is not UTF-8",
	[OTLP_TRACE_ID] = "a trace id that is missing, not 16 bytes or all zero",
	[OTLP_SPAN_ID] = "a span id that is missing, not 8 bytes or all zero",
	[OTLP_PARENT_ID] = "a parent span id that is not 8 bytes",
	[OTLP_LINK_ID] = "a link's trace id that is not 16 bytes, or its span id that is not 8",
	[OTLP_LOG_TRACE_ID] = "a trace id that is not 16 bytes", [OTLP_LOG_SPAN_ID] = "a span id that is not 8 bytes",
	[OTLP_DEEP] = "a value nested deeper than 64 levels",
};

const char *otlp_fault_name(enum otlp_fault fault)
{
	return fault_names[fault];
}

enum otlp_fault otlp_traces_check(const char *body, size_t size, struct otlp_summary *ret, size_t *ret_at)
{
	struct otlp_summary sum = { 0 };
	enum otlp_fault fault = OTLP_OK;
	struct walk w;

	walk_start(&w, body, size);
	while (!fault) {
		if (w.at < w.end)
			fault = field(&w);
		else if (w.depth > 0)
			fault = pop(&w, &sum);
		else
			break;
	}
	*ret = sum;
	*ret_at = fault ? (size_t)((const char *)w.field - body) : size;
	return fault;
}

/*
 * The spans one by one, for cold paths. A message that stands twice in a field that is not repeated ought to be merged;
 * here the last one counts, as no encoder writes two.
 */

static int read_service(struct bytes resource, struct bytes *ret)
{
	struct wire w = wire_of(resource);
	struct bytes key, value;
	struct wire_field f;
	bool broken = false;
	int more;

	*ret = (struct bytes){ "", 0 };
	while ((more = wire_next(&w, &f)) > 0) {
		if (f.number != 1 || f.type != WIRE_LENGTH)
			continue;
		key = wire_last(f.bytes, 1, &broken);
		value = wire_last(f.bytes, 2, &broken);
		if (bytes_are(key, "service.name"))
			*ret = wire_last(value, 1, &broken);
		if (broken)
			return -EBADMSG;
	}
	return more;
}

static int read_status(struct bytes status, uint64_t *ret)
{
	struct wire w = wire_of(status);
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0)
		if (f.number == 3 && f.type == WIRE_VARINT)
			*ret = f.value;
	return more;
}

/* Where a field of a Span goes. Fields that are not listed are read by those who want them. */
static struct bytes *text_of(struct otlp_span *s, uint32_t number)
{
	switch (number) {
	case 1: return &s->trace_id;
	case 2: return &s->span_id;
	case 4: return &s->parent_id;
	case 5: return &s->name;
	default: return NULL;
	}
}

static uint64_t *number_of(struct otlp_span *s, uint32_t number)
{
	switch (number) {
	case 6: return &s->kind;
	case 7: return &s->start_ns;
	case 8: return &s->end_ns;
	default: return NULL;
	}
}

/* The ids are promised to have their sizes. */
static bool sizes_fit(const struct otlp_span *s)
{
	return s->trace_id.size == 16 && s->span_id.size == 8 && (s->parent_id.size == 0 || s->parent_id.size == 8);
}

static int read_span(struct otlp_span *s)
{
	const struct bytes none = { "", 0 };
	struct wire w = wire_of(s->span);
	struct wire_field f;
	int more;

	s->trace_id = s->span_id = s->parent_id = s->name = none;
	s->kind = s->status = s->start_ns = s->end_ns = 0;
	while ((more = wire_next(&w, &f)) > 0) {
		struct bytes *text = f.type == WIRE_LENGTH ? text_of(s, f.number) : NULL;
		uint64_t *number = f.type == WIRE_VARINT || f.type == WIRE_64 ? number_of(s, f.number) : NULL;
		if (text)
			*text = f.bytes;
		if (number)
			*number = f.value;
		if (f.type == WIRE_LENGTH && f.number == 15 && read_status(f.bytes, &s->status))
			return -EBADMSG;
	}
	return !more && sizes_fit(s) ? 0 : -EBADMSG;
}

struct visit { int (*span)(void *, const struct otlp_span *); void *context; };

static int each_of_scope(struct bytes scope_spans, struct otlp_span *s, const struct visit *visit)
{
	struct wire w = wire_of(scope_spans);
	struct wire_field f;
	bool broken = false;
	int more;

	s->scope = wire_last(scope_spans, 1, &broken);
	if (broken)
		return -EBADMSG;
	while ((more = wire_next(&w, &f)) > 0) {
		int answer;
		if (f.number != 2 || f.type != WIRE_LENGTH)
			continue;
		s->span = f.bytes;
		answer = read_span(s);
		answer = answer ? answer : visit->span(visit->context, s);
		if (answer)
			return answer;
	}
	return more;
}

static int each_of_resource(struct bytes resource_spans, const struct visit *visit)
{
	struct wire w = wire_of(resource_spans);
	struct otlp_span s;
	struct wire_field f;
	bool broken = false;
	int more;

	s.resource = wire_last(resource_spans, 1, &broken);
	more = broken ? -EBADMSG : read_service(s.resource, &s.service);
	if (more)
		return more;
	while ((more = wire_next(&w, &f)) > 0) {
		int answer = f.number == 2 && f.type == WIRE_LENGTH ? each_of_scope(f.bytes, &s, visit) : 0;
		if (answer)
			return answer;
	}
	return more;
}

int otlp_traces_each(struct bytes body, int (*visit)(void *, const struct otlp_span *), void *context)
{
	const struct visit whom = { visit, context };
	struct wire w = wire_of(body);
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0) {
		int answer = f.number == 1 && f.type == WIRE_LENGTH ? each_of_resource(f.bytes, &whom) : 0;
		if (answer)
			return answer;
	}
	return more;
}
