#include "proto/otlp_text.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "otlp.pb-c.h"

enum { ID_TEXT = 2 * 16 + 1 };

static json_t *hex(ProtobufCBinaryData id)
{
	char text[ID_TEXT];
	size_t size = id.len < 16 ? id.len : 16;

	hex_format(id.data, size, text);
	return json_stringn(text, 2 * size);
}

static json_t *number64(uint64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRIu64, value);
	return json_string(text);
}

static json_t *base64(ProtobufCBinaryData bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;
	char *text = malloc(bytes.len / 3 * 4 + 5);
	json_t *json;

	for (size_t i = 0; text && i < bytes.len; i += 3) {
		size_t left = bytes.len - i;
		unsigned v = (unsigned)bytes.data[i] << 16 | (left > 1 ? (unsigned)bytes.data[i + 1] << 8 : 0) |
			     (left > 2 ? bytes.data[i + 2] : 0);
		text[n++] = digits[v >> 18];
		text[n++] = digits[v >> 12 & 63];
		text[n++] = left > 1 ? digits[v >> 6 & 63] : '=';
		text[n++] = left > 2 ? digits[v & 63] : '=';
	}
	json = text ? json_stringn(text, n) : NULL;
	free(text);
	return json;
}

static json_t *pairs(size_t count, Otlp__KeyValue **items);

static json_t *array(const Otlp__ArrayValue *list);

/* Depth is bounded by otlp_traces_check(). */
static json_t *any(const Otlp__AnyValue *v)
{
	char text[24];

	switch (v ? v->value_case : OTLP__ANY_VALUE__VALUE__NOT_SET) {
	case OTLP__ANY_VALUE__VALUE_STRING_VALUE:
		return json_pack("{s:s}", "stringValue", v->string_value);
	case OTLP__ANY_VALUE__VALUE_BOOL_VALUE:
		return json_pack("{s:b}", "boolValue", v->bool_value);
	case OTLP__ANY_VALUE__VALUE_INT_VALUE:
		snprintf(text, sizeof text, "%" PRId64, v->int_value);
		return json_pack("{s:s}", "intValue", text);
	case OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE:
		return json_pack("{s:o?}", "doubleValue", json_real(v->double_value));
	case OTLP__ANY_VALUE__VALUE_ARRAY_VALUE:
		return json_pack("{s:{s:o}}", "arrayValue", "values", array(v->array_value));
	case OTLP__ANY_VALUE__VALUE_KVLIST_VALUE:
		return json_pack("{s:{s:o}}", "kvlistValue", "values", pairs(v->kvlist_value->n_values, v->kvlist_value->values));
	case OTLP__ANY_VALUE__VALUE_BYTES_VALUE:
		return json_pack("{s:o}", "bytesValue", base64(v->bytes_value));
	default:
		return json_object();
	}
}

static json_t *array(const Otlp__ArrayValue *list)
{
	json_t *out = json_array();

	for (size_t i = 0; i < list->n_values; i++)
		json_array_append_new(out, any(list->values[i]));
	return out;
}

static json_t *pairs(size_t count, Otlp__KeyValue **items)
{
	json_t *out = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(out, json_pack("{s:s, s:o}", "key", items[i]->key, "value", any(items[i]->value)));
	return out;
}

static void set_count(json_t *object, const char *name, uint32_t count)
{
	if (count)
		json_object_set_new(object, name, json_integer(count));
}

static void set_text(json_t *object, const char *name, const char *text)
{
	if (*text)
		json_object_set_new(object, name, json_string(text));
}

static json_t *events(const Otlp__Span *s)
{
	json_t *out = json_array();

	for (size_t i = 0; i < s->n_events; i++) {
		const Otlp__Event *e = s->events[i];
		json_t *event = json_pack("{s:o, s:s, s:o}", "timeUnixNano", number64(e->time_unix_nano), "name", e->name, "attributes",
					  pairs(e->n_attributes, e->attributes));
		set_count(event, "droppedAttributesCount", e->dropped_attributes_count);
		json_array_append_new(out, event);
	}
	return out;
}

static json_t *links(const Otlp__Span *s)
{
	json_t *out = json_array();

	for (size_t i = 0; i < s->n_links; i++) {
		const Otlp__Link *l = s->links[i];
		json_t *link = json_pack("{s:o, s:o, s:o}", "traceId", hex(l->trace_id), "spanId", hex(l->span_id), "attributes",
					 pairs(l->n_attributes, l->attributes));
		set_text(link, "traceState", l->trace_state);
		set_count(link, "droppedAttributesCount", l->dropped_attributes_count);
		set_count(link, "flags", l->flags);
		json_array_append_new(out, link);
	}
	return out;
}

/* What a span has beyond its ids, name and times. */
static void set_details(json_t *out, const Otlp__Span *s)
{
	json_object_set_new(out, "attributes", pairs(s->n_attributes, s->attributes));
	if (s->n_events)
		json_object_set_new(out, "events", events(s));
	if (s->n_links)
		json_object_set_new(out, "links", links(s));
	set_count(out, "droppedAttributesCount", s->dropped_attributes_count);
	set_count(out, "droppedEventsCount", s->dropped_events_count);
	set_count(out, "droppedLinksCount", s->dropped_links_count);
	set_count(out, "flags", s->flags);
	set_text(out, "traceState", s->trace_state);
	if (s->status) {
		json_t *status = json_object();
		set_text(status, "message", s->status->message);
		set_count(status, "code", (uint32_t)s->status->code);
		json_object_set_new(out, "status", status);
	}
}

static json_t *span(const Otlp__Span *s)
{
	json_t *out = json_pack("{s:o, s:o}", "traceId", hex(s->trace_id), "spanId", hex(s->span_id));

	if (s->parent_span_id.len)
		json_object_set_new(out, "parentSpanId", hex(s->parent_span_id));
	json_object_set_new(out, "name", json_string(s->name));
	json_object_set_new(out, "kind", json_integer(s->kind));
	json_object_set_new(out, "startTimeUnixNano", number64(s->start_time_unix_nano));
	json_object_set_new(out, "endTimeUnixNano", number64(s->end_time_unix_nano));
	set_details(out, s);
	return out;
}

static json_t *scope_spans(const Otlp__ScopeSpans *group)
{
	json_t *out = json_object(), *spans = json_array();

	if (group->scope) {
		json_t *scope = json_object();
		set_text(scope, "name", group->scope->name);
		set_text(scope, "version", group->scope->version);
		if (group->scope->n_attributes)
			json_object_set_new(scope, "attributes", pairs(group->scope->n_attributes, group->scope->attributes));
		json_object_set_new(out, "scope", scope);
	}
	for (size_t i = 0; i < group->n_spans; i++)
		json_array_append_new(spans, span(group->spans[i]));
	json_object_set_new(out, "spans", spans);
	set_text(out, "schemaUrl", group->schema_url);
	return out;
}

static json_t *resource_spans(const Otlp__ResourceSpans *group)
{
	json_t *out = json_object(), *scopes = json_array();

	if (group->resource)
		json_object_set_new(out, "resource", json_pack("{s:o}", "attributes",
							       pairs(group->resource->n_attributes, group->resource->attributes)));
	for (size_t i = 0; i < group->n_scope_spans; i++)
		json_array_append_new(scopes, scope_spans(group->scope_spans[i]));
	json_object_set_new(out, "scopeSpans", scopes);
	set_text(out, "schemaUrl", group->schema_url);
	return out;
}

static int append_json(json_t *json, struct buffer *to)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int failed = text ? buffer_text(to, text) : -ENOMEM;

	free(text);
	json_decref(json);
	return failed;
}

int otlp_traces_to_json(const char *body, size_t size, struct buffer *to)
{
	Otlp__TracesRequest *request = otlp__traces_request__unpack(NULL, size, (const uint8_t *)body);
	json_t *out, *groups = json_array();

	if (!request || !groups) {
		json_decref(groups);
		return -EBADMSG;
	}
	for (size_t i = 0; i < request->n_resource_spans; i++)
		json_array_append_new(groups, resource_spans(request->resource_spans[i]));
	out = json_pack("{s:o}", "resourceSpans", groups);
	otlp__traces_request__free_unpacked(request, NULL);
	return append_json(out, to);
}

static const char *service_of(const Otlp__ResourceSpans *group)
{
	for (size_t i = 0; group->resource && i < group->resource->n_attributes; i++) {
		const Otlp__KeyValue *pair = group->resource->attributes[i];
		if (strcmp(pair->key, "service.name") == 0 && pair->value &&
		    pair->value->value_case == OTLP__ANY_VALUE__VALUE_STRING_VALUE)
			return pair->value->string_value;
	}
	return "";
}

static const char *hex_text(ProtobufCBinaryData id, char to[ID_TEXT])
{
	size_t size = id.len < 16 ? id.len : 16;

	hex_format(id.data, size, to);
	to[2 * size] = '\0';
	return to;
}

static int visit_span(const Otlp__Span *s, const char *service, void (*visit)(void *, const struct otlp_row *), void *context)
{
	char trace[ID_TEXT], id[ID_TEXT], parent[ID_TEXT];
	json_t *details = json_object();
	char *text;

	set_details(details, s);
	text = json_dumps(details, JSON_COMPACT);
	json_decref(details);
	if (!text)
		return -ENOMEM;
	visit(context, &(struct otlp_row){
		.trace_id = hex_text(s->trace_id, trace), .span_id = hex_text(s->span_id, id),
		.parent_id = hex_text(s->parent_span_id, parent), .service = service, .name = s->name, .kind = (unsigned)s->kind,
		.status = s->status ? (unsigned)s->status->code : 0, .start_ns = s->start_time_unix_nano,
		.end_ns = s->end_time_unix_nano, .json = text });
	free(text);
	return 0;
}

int otlp_traces_rows(const char *body, size_t size, void (*visit)(void *, const struct otlp_row *), void *context)
{
	Otlp__TracesRequest *request = otlp__traces_request__unpack(NULL, size, (const uint8_t *)body);
	int failed = request ? 0 : -EBADMSG;

	for (size_t r = 0; request && r < request->n_resource_spans; r++)
		for (size_t g = 0; g < request->resource_spans[r]->n_scope_spans; g++) {
			const Otlp__ScopeSpans *group = request->resource_spans[r]->scope_spans[g];
			for (size_t i = 0; i < group->n_spans && !failed; i++)
				failed = visit_span(group->spans[i], service_of(request->resource_spans[r]), visit, context);
		}
	if (request)
		otlp__traces_request__free_unpacked(request, NULL);
	return failed;
}
