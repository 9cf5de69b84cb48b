/*
 * Zipkin's spans: what each part of them becomes in OTLP, what is refused alone, and what as a whole.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/json_line.h"
#include "proto/otlp_text.h"
#include "proto/otlp_walk.h"
#include "proto/zipkin.h"

enum { ROOM = 4 << 20, BODY_MAX = 256 << 10, MANY = 200 };

#define IDS "\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"id\":\"00000000000000aa\""

/* A copy with the padding that a body has, and nothing behind it. */
static struct bytes body_of(const char *text)
{
	size_t size = strlen(text);
	char *copy = calloc(1, size + JSON_LINE_PADDING);

	return (struct bytes){ memcpy(copy, text, size), size };
}

/* Converts it into exactly the memory that was asked for, as JSON. */
static void convert(const char *text, struct otlp_made *made, struct buffer *json)
{
	struct bytes body = body_of(text);
	struct otlp_summary sum;
	size_t at = 0;
	const char *why = zipkin_plan(body, made, &at);
	char *to;

	if (why)
		fail_msg("%s: %s at byte %zu", text, why, at);
	to = malloc(made->size + !made->size);
	zipkin_write(body, made, to);
	assert_int_equal(otlp_traces_check(to, made->size, &sum, &at), OTLP_OK);
	assert_int_equal(sum.spans, made->spans);
	buffer_init(json, ROOM);
	assert_int_equal(otlp_traces_to_json(to, made->size, json), 0);
	assert_int_equal(buffer_append(json, "", 1), 0);
	made->name = (struct bytes){ "", 0 };
	free((char *)body.data);
	free(to);
}

static const char whole[] =
	"{\"resourceSpans\":[{\"resource\":{\"attributes\":["
	"{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}},"
	"{\"key\":\"host.name\",\"value\":{\"stringValue\":\"h\"}}]},"
	"\"scopeSpans\":[{\"scope\":{\"name\":\"lib\",\"version\":\"1\"},\"spans\":["
	"{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"00000000000000aa\","
	"\"parentSpanId\":\"00000000000000ab\",\"name\":\"get /\",\"kind\":3,"
	"\"startTimeUnixNano\":\"1502787600000000000\",\"endTimeUnixNano\":\"1502787600150000000\",\"traceState\":\"a="
	"1\",\"attributes\":["
	"{\"key\":\"http.method\",\"value\":{\"stringValue\":\"a \\\"q\\\" \\\\ \xc3\xbc\xf0\x9f\x98\x80\"}},"
	"{\"key\":\"net.host.ip\",\"value\":{\"stringValue\":\"2001:db8::1\"}},"
	"{\"key\":\"net.host.port\",\"value\":{\"intValue\":\"8080\"}},"
	"{\"key\":\"peer.service\",\"value\":{\"stringValue\":\"db\"}},"
	"{\"key\":\"net.peer.ip\",\"value\":{\"stringValue\":\"10.0.0.2\"}},"
	"{\"key\":\"net.peer.port\",\"value\":{\"intValue\":\"5432\"}}],"
	"\"events\":[{\"timeUnixNano\":\"1502787600000001000\",\"name\":\"foo|bar\"}],"
	"\"status\":{\"message\":\"boom\",\"code\":2}}]}]}]}";

static void a_span_is_converted_whole(void **state)
{
	struct otlp_made made;
	struct buffer json;

	(void)state;
	convert(" [ {" IDS ",\"parentId\":\"00000000000000AB\",\"name\":\"get /\",\"kind\":\"CLIENT\","
		"\"timestamp\":1502787600000000,\"duration\":150000,\"debug\":true,\"shared\":true,"
		"\"localEndpoint\":{\"serviceName\":\"shop\",\"ipv4\":\"10.0.0.1\",\"ipv6\":\"2001:db8::1\","
		"\"port\":8080},"
		"\"remoteEndpoint\":{\"serviceName\":\"db\",\"ipv4\":\"10.0.0.2\",\"port\":5432},"
		"\"annotations\":[{\"timestamp\":1502787600000001,\"value\":\"foo|bar\"}],"
		"\"tags\":{\"http.method\":\"a \\\"q\\\" \\\\ \\u00fc\\ud83d\\ude00\",\"host.name\":\"h\","
		"\"w3c.tracestate\":\"a=1\",\"otel.library.name\":\"lib\",\"otel.library.version\":\"1\","
		"\"otel.status_code\":\"ERROR\",\"otel.status_description\":\"boom\",\"error\":\"true\","
		"\"net.host.ip\":\"x\",\"none\":null}} ]\n",
		&made, &json);
	assert_string_equal(json.data, whole);
	assert_int_equal(made.refused, 0);
	buffer_done(&json);
}

/* Members of one span beside its ids, and the parts of the span that they become or leave. */
struct row {
	const char *members;
	const char *has[3], *has_not[3];
};

#define TAGS(tags) ",\"timestamp\":1,\"tags\":{" tags "}"
static const struct row rows[] = {
	{ ",\"kind\":\"SERVER\"", { "\"kind\":2" }, { NULL } },
	{ ",\"kind\":\"PRODUCER\"", { "\"kind\":4" }, { NULL } },
	{ ",\"kind\":\"CONSUMER\"", { "\"kind\":5" }, { NULL } },
	{ ",\"kind\":\"OTHER\"", { "\"kind\":0" }, { NULL } },
	{ TAGS("\"span.kind\":\"internal\""), { "\"kind\":1" }, { "span.kind" } },
	{ TAGS("\"span.kind\":\"local\""), { "\"kind\":0" }, { "span.kind" } },
	{ ",\"kind\":\"CLIENT\"" TAGS("\"span.kind\":\"local\""), { "\"kind\":3", "span.kind" }, { NULL } },
	/* status */
	{ TAGS("\"error\":\"true\""), { "\"status\":{\"code\":2}" }, { "\"error\"" } },
	{ TAGS("\"error\":\"boom\""), { "\"status\":{\"code\":2}", "\"error\"" }, { NULL } },
	{ TAGS("\"error\":true"), { "\"status\":{\"code\":2}" }, { "\"error\"" } },
	{ TAGS("\"otel.status_code\":\"Ok\""), { "\"status\":{\"code\":1}" }, { "otel." } },
	{ TAGS("\"otel.status_code\":\"STATUS_CODE_ERROR\""), { "\"status\":{\"code\":2}" }, { "otel." } },
	{ TAGS("\"otel.status_description\":\"d\""), { "otel.status_description" }, { "\"status\"" } },
	/* times */
	{ ",\"duration\":5",
		{ "\"startTimeUnixNano\":\"0\",\"endTimeUnixNano\":\"5000\"",
			"{\"key\":\"otel.zipkin.absentField.startTime\",\"value\":{\"boolValue\":true}}" },
		{ NULL } },
	{ ",\"timestamp\":\"7\",\"duration\":null", { "\"endTimeUnixNano\":\"7000\"" }, { "absent" } },
	/* parents */
	{ ",\"parentId\":\"00000000000000aa\"", { "spanId" }, { "parentSpanId" } },
	{ ",\"parentId\":\"0000000000000000\"", { "spanId" }, { "parentSpanId" } },
	{ ",\"parentId\":null", { "spanId" }, { "parentSpanId" } },
	/* tags */
	{ TAGS("\"a\":1.50,\"b\":[1, 2],\"c\":true"),
		{ "{\"key\":\"a\",\"value\":{\"stringValue\":\"1.50\"}}", "\"[1, 2]\"", "\"true\"" }, { NULL } },
	{ TAGS("\"a\":\"1\",\"a\":\"2\""), { "{\"key\":\"a\",\"value\":{\"stringValue\":\"2\"}}" }, { "\"1\"" } },
	{ TAGS("\"\\u0065rror\":\"true\""), { "\"status\":{\"code\":2}" }, { "\"error\"" } },
	{ TAGS("\"k\\ty\":\"v\""), { "{\"key\":\"k\\ty\"" }, { NULL } },
	{ TAGS("\"otel.scope.name\":\"s\",\"otel.scope.version\":\"2\""),
		{ "\"scope\":{\"name\":\"s\",\"version\":\"2\"}" }, { "otel." } },
	{ TAGS("\"otlp.service.name.source\":\"faas.name\"") ",\"localEndpoint\":{\"serviceName\":\"f\"}",
		{ "{\"key\":\"faas.name\",\"value\":{\"stringValue\":\"f\"}}" }, { "service.name" } },
	{ TAGS("\"service.name\":\"tag\"") ",\"localEndpoint\":{\"serviceName\":\"f\"}",
		{ "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"tag\"}}" }, { "\"f\"" } },
	{ ",\"remoteEndpoint\":{\"port\":70000},\"localEndpoint\":null", { "spanId" }, { "port" } },
	{ ",\"annotations\":[],\"tags\":{},\"unknown\":{\"tags\":{\"a\":\"b\"}}", { "spanId" }, { "events", "\"b\"" } },
};

static void parts_become_what_they_mean(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct otlp_made made;
		struct buffer json;
		char body[1024];
		snprintf(body, sizeof body, "[{" IDS "%s}]", rows[i].members);
		convert(body, &made, &json);
		assert_int_equal(made.spans, 1);
		for (size_t n = 0; n < COUNT_OF(rows[i].has) && rows[i].has[n]; n++)
			if (!strstr(json.data, rows[i].has[n]))
				fail_msg("%s: no %s in %s", rows[i].members, rows[i].has[n], json.data);
		for (size_t n = 0; n < COUNT_OF(rows[i].has_not) && rows[i].has_not[n]; n++)
			if (strstr(json.data, rows[i].has_not[n]))
				fail_msg("%s: %s in %s", rows[i].members, rows[i].has_not[n], json.data);
		buffer_done(&json);
	}
}

/* As they are for clients that print them as numbers. */
static void ids_get_the_zeros_at_their_front(void **state)
{
	static const struct {
		const char *trace, *id, *parent;
		const char *written;
	} ids[] = {
		{ "203e61853bd419e", "1", "2",
			"\"traceId\":\"00000000000000000203e61853bd419e\",\"spanId\":\"0000000000000001\","
			"\"parentSpanId\":\"0000000000000002\"" },
		{ "a", "123456789ABCDEF", "0",
			"\"traceId\":\"0000000000000000000000000000000a\",\"spanId\":\"0123456789abcdef\",\"name\"" },
		{ "98bea8e9894443d90", "1", "0000000000000001",
			"\"traceId\":\"0000000000000009"
			"8bea8e9894443d90\",\"spanId\":\"0000000000000001\",\"name\"" },
		{ "102030405060708090a0b0c0d0e0f10", "00000000000000aa", "aa",
			"\"traceId\":\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"00000000000000aa\",\"name\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		struct otlp_made made;
		struct buffer json;
		char body[512];
		snprintf(body, sizeof body, "[{\"traceId\":\"%s\",\"id\":\"%s\",\"parentId\":\"%s\",\"name\":\"n\"}]",
			ids[i].trace, ids[i].id, ids[i].parent);
		convert(body, &made, &json);
		if (made.spans != 1 || !strstr(json.data, ids[i].written))
			fail_msg("%s: no %s in %s", body, ids[i].written, json.data);
		buffer_done(&json);
	}
}

struct refusal {
	const char *span, *why;
};
static const struct refusal refusals[] = {
	{ "{\"id\":\"00000000000000aa\"}", "traceId" },
	{ "{\"traceId\":\"00000000000000aa\"}", "its id" },
	{ "{\"traceId\":\"00000000000000000000000000000000\",\"id\":\"00000000000000aa\"}", "traceId" },
	{ "{\"traceId\":\"00000000000000aa\",\"id\":\"0000000000000000\"}", "its id" },
	{ "{\"traceId\":\"\",\"id\":\"00000000000000aa\"}", "traceId" },
	{ "{\"traceId\":\"0\",\"id\":\"00000000000000aa\"}", "traceId" },
	{ "{\"traceId\":\"aa\",\"id\":\"1.1\"}", "its id" },
	{ "{\"traceId\":\"aa\",\"id\":\"-1\"}", "its id" },
	{ "{\"traceId\":\"00000000000000ag\",\"id\":\"00000000000000aa\"}", "traceId" },
	{ "{\"traceId\":\"00000000000000\\u0061\",\"id\":\"00000000000000aa\"}", "traceId" },
	{ "{\"traceId\":\"0102030405060708090a0b0c0d0e0f1011\",\"id\":\"00000000000000aa\"}", "traceId" },
	{ "{\"traceId\":\"00000000000000aa\",\"id\":\"00000000000000aabb\"}", "its id" },
	{ "{\"traceId\":12,\"id\":\"00000000000000aa\"}", "traceId" },
	{ "{" IDS ",\"parentId\":\"x\"}", "parentId" },
	{ "{" IDS ",\"parentId\":\"00000000000000000\"}", "parentId" },
	{ "{" IDS ",\"timestamp\":1.5}", "timestamp" },
	{ "{" IDS ",\"timestamp\":-1}", "timestamp" },
	{ "{" IDS ",\"timestamp\":99999999999999999}", "timestamp" },
	{ "{" IDS ",\"duration\":\"long\"}", "duration" },
	{ "{" IDS ",\"name\":\"\xff\"}", "UTF-8" },
	{ "{" IDS ",\"name\":\"a\nb\"}", "control" },
	{ "{}", "traceId" },
};

static void a_bad_span_is_refused_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refusals); i++) {
		struct otlp_made made;
		struct buffer json;
		char body[1024], text[OTLP_MADE_TEXT];
		snprintf(body, sizeof body, "[{" IDS ",\"name\":\"first\"},%s,{" IDS ",\"name\":\"third\"}]",
			refusals[i].span);
		convert(body, &made, &json);
		if (made.spans != 2 || made.refused != 1 || made.number != 2)
			fail_msg("%s is taken", refusals[i].span);
		assert_int_equal(made.refused_bytes, strlen(refusals[i].span));
		otlp_made_tell(&made, text, sizeof text);
		if (!strstr(text, refusals[i].why))
			fail_msg("%s: %s", refusals[i].span, text);
		assert_non_null(strstr(json.data, "first"));
		assert_non_null(strstr(json.data, "third"));
		buffer_done(&json);
	}
}

static const char *const no_lists[] = { "", " ", "{}", "null", "1", "[", "[{}", "[{},", "[{},]", "[,{}]", "[{} {}]",
	"[{}}", "[{}]x", "[{}][]", "[1]", "[[]]", "[null]", "[{\"a\"}]", "[{\"a\":}]", "[{\"a\":1]", "[{\"a\":\"]", "}",
	"]", "[}", "\"[]\"", "[{\"a\":{]}]", "[{\"a\":01}]", "[{\"a\":1,}]" };

static void whatever_is_no_list_of_objects_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(no_lists); i++) {
		struct bytes body = body_of(no_lists[i]);
		struct otlp_made made;
		size_t at = SIZE_MAX;
		if (!zipkin_plan(body, &made, &at))
			fail_msg("%s is taken", no_lists[i]);
		assert_true(at <= body.size);
		free((char *)body.data);
	}
}

static void an_empty_list_is_fine(void **state)
{
	struct otlp_made made;
	struct buffer json;

	(void)state;
	convert(" [ ] ", &made, &json);
	assert_true(made.spans == 0 && made.refused == 0 && made.size == 0);
	buffer_done(&json);
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (const char *p = text; (p = strstr(p, part)); p++)
		count++;
	return count;
}

/* Neighbours share a resource if all of it is equal, and a scope if that is. */
static void equal_resources_are_shared(void **state)
{
	struct otlp_made made;
	struct buffer json;

	(void)state;
#define OF(service, tags) "{" IDS ",\"localEndpoint\":{\"serviceName\":\"" service "\"},\"tags\":{" tags "}}"
	convert("[" OF("a", "\"host.name\":\"1\",\"x\":\"1\"") "," OF("a", "\"x\":\"2\",\"host.name\":\"1\"") "," OF(
			"a", "\"host.name\":\"2\"") "," OF("b", "\"host.name\":\"2\"") "," OF("b",
			"\"host.name\":\"2\",\"otel.library.name\":\"l\"") "," OF("b", "") "]",
		&made, &json);
	assert_int_equal(made.spans, 6);
	assert_int_equal(count_of(json.data, "\"resource\":"), 4);
	assert_int_equal(count_of(json.data, "\"spans\":"), 5);
	buffer_done(&json);
}

/* More tags than are looked at together. */
static void many_tags(void **state)
{
	struct otlp_made made;
	struct buffer body, json;

	(void)state;
	buffer_init(&body, BODY_MAX);
	assert_int_equal(buffer_text(&body, "[{" IDS ",\"tags\":{\"error\":\"true\""), 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(buffer_printf(&body, ",\"tag.%d\":\"\\\"%d\"", i, i), 0);
	assert_int_equal(buffer_append(&body, "}}]", sizeof "}}]"), 0);
	convert(body.data, &made, &json);
	assert_int_equal(count_of(json.data, "\"tag."), MANY);
	assert_non_null(strstr(json.data, "\"stringValue\":\"\\\"199\""));
	buffer_done(&json);
	buffer_done(&body);
}

static void a_cut_body_is_refused(void **state)
{
	static const char body[] = "[{" IDS ",\"tags\":{\"a\\u0041\":\"b\"},\"annotations\":[{\"value\":\"v\"}]}]";

	(void)state;
	for (size_t size = 0; size < sizeof body - 1; size++) {
		char *copy = calloc(1, size + JSON_LINE_PADDING);
		struct otlp_made made;
		size_t at;
		memcpy(copy, body, size);
		assert_non_null(zipkin_plan((struct bytes){ copy, size }, &made, &at));
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_span_is_converted_whole),
		cmocka_unit_test(parts_become_what_they_mean),
		cmocka_unit_test(ids_get_the_zeros_at_their_front),
		cmocka_unit_test(a_bad_span_is_refused_alone),
		cmocka_unit_test(whatever_is_no_list_of_objects_is_refused),
		cmocka_unit_test(an_empty_list_is_fine),
		cmocka_unit_test(equal_resources_are_shared),
		cmocka_unit_test(many_tags),
		cmocka_unit_test(a_cut_body_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
