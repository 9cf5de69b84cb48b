/*
 * Spans of Jaeger's clients: what each part of them becomes in OTLP, in both protocols; what is refused, and what
 * reason its sender is told.
 */
#include "unit/unit.h"

#include <stdio.h>

#include "proto/jaeger.h"
#include "proto/otlp_text.h"
#include "proto/otlp_walk.h"
#include "unit/proto/thrift_writer.h"

enum { ROOM = 4 << 20, MANY = 200, FEW = 3 };

#define FOR_BOTH(p) for (enum thrift_protocol p = THRIFT_BINARY; p <= THRIFT_COMPACT; p++)

static void start(struct thrift_writer *w, enum thrift_protocol protocol)
{
	buffer_init(&w->out, ROOM);
	w->protocol = protocol;
}

static struct jaeger_source source_of(const struct thrift_writer *w, bool message)
{
	return (struct jaeger_source){ buffer_bytes(&w->out), w->protocol, message };
}

/* Converts what was written into exactly the memory that was asked for, as JSON. */
static void convert(const struct jaeger_source *source, struct otlp_made *made, struct buffer *json)
{
	struct otlp_summary sum;
	size_t at = 0;
	const char *why = jaeger_plan(source, made, &at);
	char *to;

	assert_null(why);
	to = malloc(made->size + !made->size);
	jaeger_write(source, made, to);
	assert_int_equal(otlp_traces_check(to, made->size, &sum, &at), OTLP_OK);
	assert_int_equal(sum.spans, made->spans);
	buffer_init(json, ROOM);
	assert_int_equal(otlp_traces_to_json(to, made->size, json), 0);
	assert_int_equal(buffer_append(json, "", 1), 0);
	free(to);
}

static void has(const struct buffer *json, const char *part)
{
	if (!strstr(json->data, part))
		fail_msg("no %s in %s", part, json->data);
}

static void has_not(const struct buffer *json, const char *part)
{
	if (strstr(json->data, part))
		fail_msg("%s in %s", part, json->data);
}

#define TEXT_ATTRIBUTE(key, value) "{\"key\":\"" key "\",\"value\":{\"stringValue\":\"" value "\"}}"

static const char whole[] =
	"{\"resourceSpans\":[{\"resource\":{\"attributes\":["
	"{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}},"
	"{\"key\":\"ip\",\"value\":{\"stringValue\":\"10.0.0.1\"}},"
	"{\"key\":\"pid\",\"value\":{\"intValue\":\"7\"}}]},"
	"\"scopeSpans\":[{\"spans\":["
	"{\"traceId\":\"00000000000000010000000000000203\",\"spanId\":\"000000000000000a\","
	"\"parentSpanId\":\"ffffffffffffffff\",\"name\":\"GET /\",\"kind\":0,"
	"\"startTimeUnixNano\":\"1700000000000001000\",\"endTimeUnixNano\":\"1700000000002501000\",\"attributes\":["
	"{\"key\":\"text\",\"value\":{\"stringValue\":\"t\xef\xbf\xbd\"}},"
	"{\"key\":\"double\",\"value\":{\"doubleValue\":0.25}},"
	"{\"key\":\"bool\",\"value\":{\"boolValue\":true}},"
	"{\"key\":\"long\",\"value\":{\"intValue\":\"-5\"}},"
	"{\"key\":\"binary\",\"value\":{\"bytesValue\":\"AAE=\"}},"
	"{\"key\":\"odd\",\"value\":{\"stringValue\":\"<Unknown Jaeger TagType \\\"<UNSET>\\\">\"}}]}]}]}]}";

static void a_batch_is_converted_whole(void **state)
{
	(void)state;
	FOR_BOTH(p)
	{
		struct thrift_writer w;
		struct otlp_made made;
		struct buffer json;
		struct jaeger_source source;
		start(&w, p);
		write_field(&w, THRIFT_STRUCT, 1);
		write_text(&w, 1, "shop");
		write_list(&w, 2, THRIFT_STRUCT, 2);
		write_tag_text(&w, "ip", "10.0.0.1");
		write_tag_int(&w, "pid", 7);
		write_stop(&w);
		write_list(&w, 2, THRIFT_STRUCT, 1);
		write_span_head(&w, 0x0203, 0x0a, "GET /");
		write_i64(&w, 4, -1);
		write_list(&w, 10, THRIFT_STRUCT, 6);
		write_tag_text(&w, "text", "t\xff");
		write_tag_double(&w, "double", 0.25);
		write_tag_bool(&w, "bool", true);
		write_tag_int(&w, "long", -5);
		write_tag_binary(&w, "binary", "\0\1", 2);
		write_tag_head(&w, "odd", 9);
		write_stop(&w);
		write_stop(&w);
		write_stop(&w);
		source = source_of(&w, false);
		convert(&source, &made, &json);
		assert_string_equal(json.data, whole);
		assert_int_equal(made.spans, 1);
		assert_int_equal(made.refused, 0);
		buffer_done(&json);
		buffer_done(&w.out);
	}
}

/* Tags of one span, and the parts of the span that they become or leave. */
struct tags_row {
	const char *name; /* of the row, for who reads it */
	void (*write)(struct thrift_writer *);
	unsigned count;
	const char *has[3], *has_not[3];
};

static void kind_server(struct thrift_writer *w)
{
	write_tag_text(w, "span.kind", "server");
}
static void kind_odd(struct thrift_writer *w)
{
	write_tag_int(w, "span.kind", 2);
}
static void error_is(struct thrift_writer *w)
{
	write_tag_bool(w, "error", true);
	write_tag_text(w, "otel.status_code", "OK");
	write_tag_text(w, "otel.status_description", "boom");
	write_tag_int(w, "http.status_code", 200);
}
static void error_with_http(struct thrift_writer *w)
{
	write_tag_text(w, "http.status_message", "gone");
	write_tag_bool(w, "error", true);
}
static void error_not(struct thrift_writer *w)
{
	write_tag_bool(w, "error", false);
}
static void error_text(struct thrift_writer *w)
{
	write_tag_text(w, "error", "true");
}
static void code_ok(struct thrift_writer *w)
{
	write_tag_text(w, "otel.status_code", "Ok");
	write_tag_int(w, "http.status_code", 500);
}
static void code_error(struct thrift_writer *w)
{
	write_tag_text(w, "otel.status_code", "ERROR");
	write_tag_text(w, "otel.status_description", "boom");
}
static void http_500(struct thrift_writer *w)
{
	write_tag_text(w, "http.status_code", "500");
	write_tag_text(w, "http.status_message", "broken");
}
static void http_404_client(struct thrift_writer *w)
{
	write_tag_int(w, "http.status_code", 404);
	write_tag_text(w, "span.kind", "client");
}
static void http_404_server(struct thrift_writer *w)
{
	write_tag_int(w, "http.status_code", 404);
	write_tag_text(w, "span.kind", "server");
}
static void http_200(struct thrift_writer *w)
{
	write_tag_int(w, "http.status_code", 200);
}
static void http_text(struct thrift_writer *w)
{
	write_tag_text(w, "http.status_code", "teapot");
}
static void trace_state(struct thrift_writer *w)
{
	write_tag_text(w, "w3c.tracestate", "a=1");
}
static void scope(struct thrift_writer *w)
{
	write_tag_text(w, "otel.scope.name", "lib");
	write_tag_text(w, "otel.scope.version", "1.2");
	write_tag_text(w, "otel.library.name", "lib");
}
static void twice(struct thrift_writer *w)
{
	write_tag_text(w, "key", "first");
	write_tag_int(w, "key", 2);
}
static void no_key(struct thrift_writer *w)
{
	write_tag_text(w, "", "first");
	write_tag_text(w, "", "last");
}

static const struct tags_row tags_rows[] = {
	{ "kind", kind_server, 1, { "\"kind\":2" }, { "span.kind", "attributes\":[" } },
	{ "a kind that is no text", kind_odd, 1, { "\"kind\":0", "span.kind" }, { "status" } },
	{ "error above the others", error_is, 4, { "\"status\":{\"message\":\"boom\",\"code\":2}", "http.status_code" },
		{ "otel.status", "\"error\"" } },
	{ "error with a message of HTTP", error_with_http, 2,
		{ "\"status\":{\"message\":\"gone\",\"code\":2}", "http.status_message" }, { "\"error\"" } },
	{ "no error", error_not, 1, { "\"key\":\"error\"" }, { "status" } },
	{ "an error that is text", error_text, 1, { "\"key\":\"error\"" }, { "status" } },
	{ "a code of OpenTelemetry", code_ok, 2, { "\"status\":{\"code\":1}", "http.status_code" }, { "otel.status" } },
	{ "an error of OpenTelemetry", code_error, 2, { "\"status\":{\"message\":\"boom\",\"code\":2}" },
		{ "otel.status" } },
	{ "HTTP 500", http_500, 2, { "\"status\":{\"message\":\"broken\",\"code\":2}", "http.status_code" }, { NULL } },
	{ "HTTP 404 of a client", http_404_client, 2, { "\"status\":{\"code\":2}" }, { NULL } },
	{ "HTTP 404 of a server", http_404_server, 2, { "http.status_code" }, { "\"status\"" } },
	{ "HTTP 200", http_200, 1, { "http.status_code" }, { "\"status\"" } },
	{ "HTTP that is no number", http_text, 1, { "teapot" }, { "\"status\"" } },
	{ "trace state", trace_state, 1, { "\"traceState\":\"a=1\"" }, { "w3c" } },
	{ "scope", scope, 3, { "\"scope\":{\"name\":\"lib\",\"version\":\"1.2\"}", "otel.library.name" },
		{ "otel.scope" } },
	{ "one key twice", twice, 2, { "{\"key\":\"key\",\"value\":{\"intValue\":\"2\"}}" }, { "first" } },
	{ "an empty key twice", no_key, 2, { "{\"key\":\"\",\"value\":{\"stringValue\":\"last\"}}" }, { "first" } },
};

static void tags_become_what_they_mean(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(tags_rows); i++) {
		const struct tags_row *row = &tags_rows[i / 2];
		struct thrift_writer w;
		struct otlp_made made;
		struct buffer json;
		struct jaeger_source source;
		start(&w, i % 2 ? THRIFT_COMPACT : THRIFT_BINARY);
		write_list(&w, 2, THRIFT_STRUCT, 1);
		write_span_head(&w, 2, 3, "n");
		write_list(&w, 10, THRIFT_STRUCT, row->count);
		row->write(&w);
		write_stop(&w);
		write_stop(&w);
		source = source_of(&w, false);
		convert(&source, &made, &json);
		for (size_t n = 0; n < COUNT_OF(row->has) && row->has[n]; n++)
			has(&json, row->has[n]);
		for (size_t n = 0; n < COUNT_OF(row->has_not) && row->has_not[n]; n++)
			has_not(&json, row->has_not[n]);
		buffer_done(&json);
		buffer_done(&w.out);
	}
}

enum { CHILD_OF, FOLLOWS_FROM };
#define LINK(trace, id, type)                                                                             \
	"{\"traceId\":\"0000000000000001000000000000000" trace "\",\"spanId\":\"000000000000000" id "\"," \
	"\"attributes\":[" TEXT_ATTRIBUTE("opentracing.ref_type", type) "]}"

struct references_row {
	int64_t parent;
	struct {
		int32_t type;
		int64_t trace, id;
	} refs[3];
	unsigned count;
	const char *parent_id; /* the last digit; NULL: none */
	const char *links;
};
static const struct references_row references_rows[] = {
	{ 0, { { CHILD_OF, 2, 5 } }, 1, "5", NULL },
	{ 5, { { CHILD_OF, 2, 5 } }, 1, "5", NULL },
	{ 0, { { FOLLOWS_FROM, 2, 5 } }, 1, "5", "\"links\":[" LINK("2", "5", "follows_from") "]" },
	{ 0, { { FOLLOWS_FROM, 2, 5 }, { CHILD_OF, 2, 6 } }, 2, "6", "\"links\":[" LINK("2", "5", "follows_from") "]" },
	{ 0, { { CHILD_OF, 9, 5 } }, 1, NULL, "\"links\":[" LINK("9", "5", "child_of") "]" },
	{ 7, { { CHILD_OF, 2, 5 }, { CHILD_OF, 2, 7 } }, 2, "7", "\"links\":[" LINK("2", "5", "child_of") "]" },
	{ 7, { { FOLLOWS_FROM, 2, 0 } }, 1, "7", NULL },
	{ 0, { { FOLLOWS_FROM, 2, 5 }, { FOLLOWS_FROM, 2, 6 } }, 2, "5",
		"\"links\":[" LINK("2", "5", "follows_from") "," LINK("2", "6", "follows_from") "]" },
	{ 0, { { 0, 0, 0 } }, 0, NULL, NULL },
};

static void references_are_the_parent_and_links(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(references_rows); i++) {
		const struct references_row *row = &references_rows[i / 2];
		struct thrift_writer w;
		struct otlp_made made;
		struct buffer json;
		struct jaeger_source source;
		char parent[64];
		start(&w, i % 2 ? THRIFT_COMPACT : THRIFT_BINARY);
		write_list(&w, 2, THRIFT_STRUCT, 1);
		write_list(&w, 6, THRIFT_STRUCT, row->count); /* before the ids, as fields may stand */
		for (unsigned n = 0; n < row->count; n++)
			write_reference(&w, row->refs[n].type, row->refs[n].trace, row->refs[n].id);
		write_span_head(&w, 2, 3, "n");
		write_i64(&w, 4, row->parent);
		write_stop(&w);
		write_stop(&w);
		source = source_of(&w, false);
		convert(&source, &made, &json);
		snprintf(parent, sizeof parent, "\"parentSpanId\":\"000000000000000%s\"",
			row->parent_id ? row->parent_id : "");
		(row->parent_id ? has : has_not)(&json, row->parent_id ? parent : "parentSpanId");
		(row->links ? has : has_not)(&json, row->links ? row->links : "links");
		buffer_done(&json);
		buffer_done(&w.out);
	}
}

/* What takes fewest bytes for what it becomes: a datagram stays below a MiB. */
static void growth_is_bounded(void **state)
{
	struct thrift_writer w;
	struct otlp_made made;
	struct jaeger_source source;
	size_t at;

	(void)state;
	start(&w, THRIFT_COMPACT);
	write_list(&w, 2, THRIFT_STRUCT, 1);
	write_span_head(&w, 2, 3, "n");
	write_i64(&w, 4, 9);
	for (int id = 6; id <= 11; id += id == 6 ? 4 : 1) {
		write_list(&w, id, THRIFT_STRUCT, 20000);
		for (int i = 0; i < 20000; i++)
			write_raw(&w, "\x26\x02\x26\x02\x00", id == 6 ? 5 : 0);
		for (int i = 0; i < 20000; i++)
			write_raw(&w, "\x25\x12\x00", id == 10 ? 3 : 0);
		for (int i = 0; i < 20000; i++)
			write_raw(&w, "\x00", id == 11 ? 1 : 0);
	}
	write_stop(&w);
	write_stop(&w);
	source = source_of(&w, false);
	assert_null(jaeger_plan(&source, &made, &at));
	assert_int_equal(made.spans, 1);
	assert_in_range(made.size, 8 * w.out.size, 16 * w.out.size);
	buffer_done(&w.out);
}

static void logs_are_events(void **state)
{
	(void)state;
	FOR_BOTH(p)
	{
		struct thrift_writer w;
		struct otlp_made made;
		struct buffer json;
		struct jaeger_source source;
		start(&w, p);
		write_list(&w, 2, THRIFT_STRUCT, 1);
		write_span_head(&w, 2, 3, "n");
		write_list(&w, 11, THRIFT_STRUCT, 3);
		write_i64(&w, 1, 5);
		write_list(&w, 2, THRIFT_STRUCT, 2);
		write_tag_text(&w, "event", "retry");
		write_tag_int(&w, "count", 2);
		write_stop(&w);
		write_list(&w, 2, THRIFT_STRUCT, 2);
		write_tag_text(&w, "message", "m");
		write_tag_int(&w, "event", 1);
		write_stop(&w);
		write_i64(&w, 1, 6);
		write_stop(&w);
		write_stop(&w);
		write_stop(&w);
		source = source_of(&w, false);
		convert(&source, &made, &json);
		has(&json,
			"\"events\":[{\"timeUnixNano\":\"5000\",\"name\":\"retry\",\"attributes\":["
			"{\"key\":\"count\",\"value\":{\"intValue\":\"2\"}}]},{\"timeUnixNano\":\"0\","
			"\"attributes\":[" TEXT_ATTRIBUTE("message", "m") ",{\"key\":\"event\",\"value\":{\"intValue\":"
									  "\"1\"}}]},{\"timeUnixNano\":\"6000\"}]");
		buffer_done(&json);
		buffer_done(&w.out);
	}
}

/* Under the names that OpenTelemetry has for them. */
static void the_process_is_the_resource(void **state)
{
	(void)state;
	FOR_BOTH(p)
	{
		struct thrift_writer w;
		struct otlp_made made;
		struct buffer json;
		struct jaeger_source source;
		start(&w, p);
		write_list(&w, 2, THRIFT_STRUCT, 1);
		write_span_head(&w, 2, 3, "n");
		write_stop(&w);
		write_field(&w, THRIFT_STRUCT, 1); /* behind the spans */
		write_text(&w, 1, "shop");
		write_list(&w, 2, THRIFT_STRUCT, 3);
		write_tag_text(&w, "hostname", "h");
		write_tag_text(&w, "jaeger.version", "Node-3.19");
		write_tag_text(&w, "service.name", "other");
		write_stop(&w);
		write_stop(&w);
		source = source_of(&w, false);
		convert(&source, &made, &json);
		has(&json, "\"resource\":{\"attributes\":[" TEXT_ATTRIBUTE("host.name", "h") "," TEXT_ATTRIBUTE(
				   "opencensus.exporterversion", "Jaeger-Node-3.19") "," TEXT_ATTRIBUTE("service.name",
				   "other") "]}");
		buffer_done(&json);
		buffer_done(&w.out);
	}
}

static void names_that_are_there_stay(void **state)
{
	struct thrift_writer w;
	struct otlp_made made;
	struct buffer json;
	struct jaeger_source source;

	(void)state;
	start(&w, THRIFT_BINARY);
	write_field(&w, THRIFT_STRUCT, 1);
	write_list(&w, 2, THRIFT_STRUCT, 4);
	write_tag_text(&w, "hostname", "h");
	write_tag_text(&w, "host.name", "other");
	write_tag_text(&w, "jaeger.version", "v");
	write_tag_text(&w, "opencensus.exporterversion", "e");
	write_stop(&w);
	write_list(&w, 2, THRIFT_STRUCT, 1);
	write_span_head(&w, 2, 3, "n");
	write_stop(&w);
	write_stop(&w);
	source = source_of(&w, false);
	convert(&source, &made, &json);
	has(&json, "\"resource\":{\"attributes\":[" TEXT_ATTRIBUTE("hostname", "h") "," TEXT_ATTRIBUTE(
			   "host.name", "other") "," TEXT_ATTRIBUTE("jaeger.version",
			   "v") "," TEXT_ATTRIBUTE("opencensus.exporterversion", "e") "]}");
	buffer_done(&json);
	buffer_done(&w.out);
}

static void spans_with_bad_ids_are_refused_alone(void **state)
{
	(void)state;
	FOR_BOTH(p)
	{
		struct thrift_writer w;
		struct otlp_made made;
		struct buffer json;
		struct jaeger_source source;
		char text[OTLP_MADE_TEXT];
		start(&w, p);
		write_list(&w, 2, THRIFT_STRUCT, 4);
		write_span_head(&w, 2, 3, "first");
		write_stop(&w);
		write_span_head(&w, 0, 3, "GET /\n\xff");
		write_stop(&w);
		write_span_head(&w, 2, 0, "third");
		write_stop(&w);
		write_span_head(&w, 2, 4, "fourth");
		write_stop(&w);
		write_stop(&w);
		source = source_of(&w, false);
		convert(&source, &made, &json);
		assert_int_equal(made.spans, 2);
		assert_int_equal(made.refused, 2);
		assert_true(made.refused_bytes > 40 && made.refused_bytes < w.out.size / 2 + 20);
		otlp_made_tell(&made, text, sizeof text);
		assert_string_equal(text,
			"2 of 4 spans refused; the first is span 2, \"GET / \xef\xbf\xbd\": its trace id is zero");
		has(&json, "first");
		has(&json, "fourth");
		has_not(&json, "third");
		buffer_done(&json);
		buffer_done(&w.out);
	}
}

static void spans_without_a_good_one_are_no_request(void **state)
{
	struct thrift_writer w;
	struct otlp_made made;
	struct buffer json;
	struct jaeger_source source;

	(void)state;
	start(&w, THRIFT_BINARY);
	write_field(&w, THRIFT_STRUCT, 1);
	write_text(&w, 1, "shop");
	write_stop(&w);
	write_list(&w, 2, THRIFT_STRUCT, 1);
	write_stop(&w);
	write_stop(&w);
	source = source_of(&w, false);
	convert(&source, &made, &json);
	assert_int_equal(made.size, 0);
	assert_int_equal(made.refused, 1);
	buffer_done(&json);
	buffer_done(&w.out);
}

/* Neighbours of one scope share it. */
static void scopes_are_grouped(void **state)
{
	static const char *const names[] = { "a", "a", "b", "", "" };
	struct thrift_writer w;
	struct otlp_made made;
	struct buffer json;
	struct jaeger_source source;
	size_t scopes = 0;

	(void)state;
	start(&w, THRIFT_COMPACT);
	write_list(&w, 2, THRIFT_STRUCT, COUNT_OF(names));
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		write_span_head(&w, 2, 3, "n");
		write_list(&w, 10, THRIFT_STRUCT, *names[i] ? 1 : 0);
		if (*names[i])
			write_tag_text(&w, "otel.scope.name", names[i]);
		write_stop(&w);
	}
	write_stop(&w);
	source = source_of(&w, false);
	convert(&source, &made, &json);
	for (const char *p = json.data; (p = strstr(p, "\"spans\":")); p++)
		scopes++;
	assert_int_equal(scopes, 3);
	buffer_done(&json);
	buffer_done(&w.out);
}

/* More tags than are looked at together. */
static void many_tags(void **state)
{
	(void)state;
	FOR_BOTH(p)
	{
		struct thrift_writer w;
		struct otlp_made made;
		struct buffer json;
		struct jaeger_source source;
		size_t tags = 0;
		start(&w, p);
		write_list(&w, 2, THRIFT_STRUCT, FEW);
		for (int i = 0; i < FEW; i++) {
			char key[32];
			write_span_head(&w, 2, i + 1, "n");
			write_list(&w, 10, THRIFT_STRUCT, MANY);
			for (int n = 0; n < MANY; n++) {
				snprintf(key, sizeof key, "tag.%d", n);
				write_tag_text(&w, n == 77 ? "span.kind" : key, "client");
			}
			write_stop(&w);
		}
		write_stop(&w);
		source = source_of(&w, false);
		convert(&source, &made, &json);
		assert_int_equal(made.spans, FEW);
		for (const char *at = json.data; (at = strstr(at, "\"tag.")); at++)
			tags++;
		assert_int_equal(tags, FEW * (MANY - 1));
		has(&json, "\"kind\":3");
		buffer_done(&json);
		buffer_done(&w.out);
	}
}

struct call_row {
	const char *function, *why; /* NULL: it is taken */
};
static const struct call_row calls[] = {
	{ "emitBatch", NULL },
	{ "Agent::emitBatch", NULL },
	{ "emitZipkinBatch", "receive.zipkin" },
	{ "Agent::emitZipkinBatch", "receive.zipkin" },
	{ "getStrategy", "another function" },
	{ "", "another function" },
};

static void only_one_function_is_called(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * COUNT_OF(calls); i++) {
		const struct call_row *row = &calls[i / 2];
		struct thrift_writer w;
		struct otlp_made made;
		struct jaeger_source source;
		const char *why;
		size_t at;
		start(&w, i % 2 ? THRIFT_COMPACT : THRIFT_BINARY);
		write_message(&w, row->function);
		write_field(&w, THRIFT_STRUCT, 1);
		write_list(&w, 2, THRIFT_STRUCT, 1);
		write_span_head(&w, 2, 3, "n");
		write_stop(&w);
		write_stop(&w);
		write_stop(&w);
		source = source_of(&w, true);
		why = jaeger_plan(&source, &made, &at);
		assert_true(row->why ? why && strstr(why, row->why) : !why && made.spans == 1);
		buffer_done(&w.out);
	}
}

static void a_body_that_is_cut_or_goes_on_is_refused(void **state)
{
	(void)state;
	FOR_BOTH(p)
	{
		struct thrift_writer w;
		size_t whole_size;
		start(&w, p);
		write_list(&w, 2, THRIFT_STRUCT, 1);
		write_span_head(&w, 2, 3, "n");
		write_list(&w, 10, THRIFT_STRUCT, 1);
		write_tag_text(&w, "key", "value");
		write_stop(&w);
		write_stop(&w);
		whole_size = w.out.size;
		write_byte(&w, 0);
		for (size_t size = 0; size <= w.out.size; size++) {
			char *copy = memcpy(malloc(size + !size), w.out.data, size);
			const struct jaeger_source source = { { copy, size }, p, false };
			struct otlp_made made;
			size_t at = SIZE_MAX;
			assert_int_equal(jaeger_plan(&source, &made, &at) == NULL, size == whole_size);
			assert_true(at <= size);
			free(copy);
		}
		buffer_done(&w.out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_converted_whole),
		cmocka_unit_test(tags_become_what_they_mean),
		cmocka_unit_test(references_are_the_parent_and_links),
		cmocka_unit_test(growth_is_bounded),
		cmocka_unit_test(logs_are_events),
		cmocka_unit_test(the_process_is_the_resource),
		cmocka_unit_test(names_that_are_there_stay),
		cmocka_unit_test(spans_with_bad_ids_are_refused_alone),
		cmocka_unit_test(spans_without_a_good_one_are_no_request),
		cmocka_unit_test(scopes_are_grouped),
		cmocka_unit_test(many_tags),
		cmocka_unit_test(only_one_function_is_called),
		cmocka_unit_test(a_body_that_is_cut_or_goes_on_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
