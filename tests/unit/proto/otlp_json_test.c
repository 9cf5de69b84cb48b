/*
 * OTLP in JSON: a request as SDKs write it is the same in Protocol Buffers, in every form that a reader has to take;
 * what is not JSON, or has values of the wrong kind, is refused with its place; and what was written as JSON reads back
 * as the same request.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "otlp.pb-c.h"
#include "otlp_builder.h"
#include "proto/otlp_json.h"
#include "proto/otlp_text.h"
#include "proto/otlp_walk.h"

static const char *read_text(const char *text, size_t size, enum otlp_json_request kind, struct buffer *to)
{
	char *copy = calloc(1, size + JSON_LINE_PADDING),
	     *room = malloc(otlp_json_room((struct bytes){ text, size }, kind));
	const char *why;
	size_t out, at;

	memcpy(copy, text, size);
	buffer_init(to, 1 << 20);
	why = otlp_json_read((struct bytes){ copy, size }, kind, room, &out, &at);
	assert_true(at <= size);
	if (!why) {
		assert_true(out <= otlp_json_room((struct bytes){ text, size }, kind));
		put_raw(to, room, out);
	}
	free(copy);
	free(room);
	return why;
}

/* In the form that the writer of JSON has. */
static void expect_traces(const char *text, const char *expected)
{
	struct buffer wire, again;
	const char *why = read_text(text, strlen(text), OTLP_JSON_TRACES, &wire);

	assert_null(why);
	buffer_init(&again, 1 << 20);
	assert_int_equal(otlp_traces_to_json(wire.data, wire.size, &again), 0);
	put_raw(&again, "", 1);
	assert_string_equal(again.data, expected);
	buffer_done(&wire);
	buffer_done(&again);
}

#define IDS "\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\""
#define SPAN_OF(members) "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" members "}]}]}]}"
#define VALUE_OF(value) SPAN_OF("\"attributes\":[{\"key\":\"k\",\"value\":{" value "}}]")

static void a_request_reads_as_it_was_written(void **state)
{
	static const char whole[] =
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{"
		"\"stringValue\":"
		"\"shop\"}}],\"droppedAttributesCount\":1},\"scopeSpans\":[{\"scope\":{\"name\":\"n\",\"version\":"
		"\"1\"},"
		"\"spans\":[{" IDS ",\"parentSpanId\":\"eee19b7ec3c1b173\",\"name\":\"GET /\",\"kind\":2,"
		"\"startTimeUnixNano\":\"1544712660000000001\",\"endTimeUnixNano\":\"18446744073709551615\","
		"\"traceState\":\"a=b\",\"attributes\":[{\"key\":\"i\",\"value\":{\"intValue\":\"-"
		"9223372036854775808\"}},"
		"{\"key\":\"d\",\"value\":{\"doubleValue\":0.25}},{\"key\":\"b\",\"value\":{\"boolValue\":true}},{"
		"\"key\":"
		"\"a\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"x\"},{}]}}},{\"key\":\"m\",\"value\":"
		"{\"kvlistValue\":{\"values\":[{\"key\":\"in\",\"value\":{\"bytesValue\":\"AAEC/"
		"w==\"}}]}}}],\"events\":"
		"[{\"timeUnixNano\":\"5\",\"name\":\"e\"}],\"links\":[{" IDS
		"}],\"status\":{\"message\":\"m\",\"code\":2},"
		"\"flags\":257}],\"schemaUrl\":\"s\"}]}]}";

	(void)state;
	expect_traces(whole, whole);
}

/* A request of that many spans, each with a name of that many letters; `space` stands before each colon. */
static struct bytes many_spans(struct buffer *to, unsigned spans, int letters, const char *space)
{
	buffer_clear(to);
	assert_int_equal(
		buffer_printf(to, "{\"resourceSpans\"%s:[{\"scopeSpans\"%s:[{\"spans\"%s:[", space, space, space), 0);
	for (unsigned i = 0; i < spans; i++)
		assert_int_equal(buffer_printf(to, "%s{\"kind\"%s:3,\"name\"%s:\"%0*u\"}", i ? "," : "", space, space,
					 letters, i),
			0);
	assert_int_equal(buffer_text(to, "]}]}]}"), 0);
	return buffer_bytes(to);
}

/* Lengths are written before what they are of is known. Generated code writes everything in its shortest form. */
static void whatever_its_size_each_part_has_its_shortest_form(void **state)
{
	static const unsigned spans[] = { 1, 2, 5, 70, 1000, 3000 };
	static const int letters[] = { 1, 60, 121, 122, 123, 200, 16377, 16378, 16379 };
	struct buffer text, wire, spaced;

	(void)state;
	buffer_init(&text, 4 << 20);
	for (size_t i = 0; i < COUNT_OF(spans) * COUNT_OF(letters); i++) {
		unsigned count = spans[i / COUNT_OF(letters)];
		int size = letters[i % COUNT_OF(letters)];
		Otlp__TracesRequest *r;
		struct bytes all;
		if (count * (size_t)size > 500000)
			continue;
		all = many_spans(&text, count, size, "");
		assert_null(read_text(all.data, all.size, OTLP_JSON_TRACES, &wire));
		r = otlp__traces_request__unpack(NULL, wire.size, (const uint8_t *)wire.data);
		assert_non_null(r);
		assert_int_equal(r->resource_spans[0]->scope_spans[0]->n_spans, count);
		assert_int_equal(otlp__traces_request__get_packed_size(r), wire.size);
		otlp__traces_request__free_unpacked(r, NULL);
		all = many_spans(&text, count, size, " ");
		assert_null(read_text(all.data, all.size, OTLP_JSON_TRACES, &spaced));
		assert_int_equal(spaced.size, wire.size);
		assert_memory_equal(spaced.data, wire.data, wire.size);
		buffer_done(&wire);
		buffer_done(&spaced);
	}
	buffer_done(&text);
}

/* Short texts are read in one go. With a space they are not, and become the same. */
static void attributes_of_any_length_are_the_same(void **state)
{
	static const char filler[] =
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
	struct buffer wire, spaced;
	char text[2][1024];

	(void)state;
	for (int key = 0; key < 136; key += key < 3 || key > 110 ? 1 : 40)
		for (int value = 0; value < 136; value += value < 3 || value > 110 ? 1 : 40) {
			for (int i = 0; i < 2; i++)
				snprintf(text[i], sizeof text[i],
					SPAN_OF("\"attributes\":[{\"key\":\"%.*s\",\"value\"%s:{\"stringValue\":\"%.*"
						"s\"}},"
						"{\"key\":\"\",\"value\":{\"stringValue\":\"\"}}],\"name\":\"n\""),
					key, filler, i ? " " : "", value, filler);
			assert_null(read_text(text[0], strlen(text[0]), OTLP_JSON_TRACES, &wire));
			assert_null(read_text(text[1], strlen(text[1]), OTLP_JSON_TRACES, &spaced));
			assert_int_equal(wire.size, spaced.size);
			assert_memory_equal(wire.data, spaced.data, wire.size);
			buffer_done(&wire);
			buffer_done(&spaced);
		}
}

/* A name is one whole name, whatever stands around it and in whatever order they come. */
static void names_are_told_apart(void **state)
{
	static const char *const rows[][2] = {
		{ SPAN_OF("\"name\":\"n\",\"spanId\":\"eee19b7ec3c1b174\",\"traceState\":\"t\""),
			SPAN_OF("\"spanId\":\"eee19b7ec3c1b174\",\"name\":\"n\",\"traceState\":\"t\"") },
		{ SPAN_OF("\"names\":\"n\",\"nam\":\"n\",\"kin\":1,\"kinds\":1,\"Name\":\"n\""), SPAN_OF("") },
		{ SPAN_OF("\"name\" :\"n\",\n\"kind\":\t2"), SPAN_OF("\"name\":\"n\",\"kind\":2") },
		{ VALUE_OF("\"stringvalue\":\"x\",\"stringValues\":\"x\""), VALUE_OF("") },
		{ VALUE_OF("\"stringValue\":\"\\u0061\""), VALUE_OF("\"stringValue\":\"a\"") },
		{ VALUE_OF("\"stringValue\":\"x\",\"other\":1"), VALUE_OF("\"stringValue\":\"x\"") },
		{ VALUE_OF("\"intValue\":1"), VALUE_OF("\"intValue\":\"1\"") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		expect_traces(rows[i][0], rows[i][1]);
}

static void each_form_of_a_value_is_read(void **state)
{
	static const char *const rows[][2] = {
		{ "", "{}" },
		{ " {} ", "{}" },
		{ "{\"resourceSpans\":null}", "{}" },
		{ "{\"resourceSpans\":[]}", "{}" },
		{ "{\"resource_Spans\":[{}], \"other\":{\"a\":[1,{\"b\":[]},\"x\\\"\"],\"c\":{}}}", "{}" },
		{ SPAN_OF("\"startTimeUnixNano\":7, \"kind\":\"3\""),
			SPAN_OF("\"kind\":3,\"startTimeUnixNano\":\"7\"") },
		{ SPAN_OF("\"startTimeUnixNano\":1e3,\"endTimeUnixNano\":2.0"),
			SPAN_OF("\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"2\"") },
		{ SPAN_OF("\"status\":{\"code\":-1}"), SPAN_OF("\"status\":{\"code\":-1}") },
		{ SPAN_OF("\"\\u006eame\":\"\\u00fc\\ud83d\\ude00\\n\\/\""),
			SPAN_OF("\"name\":\"\xc3\xbc\xf0\x9f\x98\x80\\n/\"") },
		{ VALUE_OF("\"doubleValue\":\"NaN\""), VALUE_OF("\"doubleValue\":\"NaN\"") },
		{ VALUE_OF("\"doubleValue\":\"-Infinity\""), VALUE_OF("\"doubleValue\":\"-Infinity\"") },
		{ VALUE_OF("\"doubleValue\":\"1.5e1\""), VALUE_OF("\"doubleValue\":15") },
		{ VALUE_OF("\"doubleValue\":-3"), VALUE_OF("\"doubleValue\":-3") },
		{ VALUE_OF("\"intValue\":-5"), VALUE_OF("\"intValue\":\"-5\"") },
		{ VALUE_OF("\"boolValue\":false"), VALUE_OF("\"boolValue\":false") },
		{ VALUE_OF("\"bytesValue\":\"-_8\""), VALUE_OF("\"bytesValue\":\"+/8=\"") },
		{ VALUE_OF("\"stringValue\":\"\""), VALUE_OF("\"stringValue\":\"\"") },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		expect_traces(rows[i][0], rows[i][1]);
}

/* Clients that print the messages of protobuf write names as the .proto files have them, and enums by name. */
static void names_of_the_proto_files_are_read(void **state)
{
	static const char snake[] =
		"{\"resource_spans\":[{\"resource\":{\"attributes\":[{\"key\":\"k\",\"value\":{\"kvlist_value\":"
		"{\"values\":[{\"key\":\"i\",\"value\":{\"int_value\":5}}]}}}],\"dropped_attributes_count\":1},"
		"\"scope_spans\":[{\"spans\":[{\"trace_id\":\"5b8efff798038103d269b633813fc60c\","
		"\"span_id\":\"eee19b7ec3c1b174\",\"parent_span_id\":\"eee19b7ec3c1b173\",\"kind\":"
		"\"SPAN_KIND_CONSUMER\",\"start_time_unix_nano\":1,\"end_time_unix_nano\":2,\"trace_state\":\"a=b\","
		"\"dropped_links_count\":3,\"status\":{\"code\":\"STATUS_CODE_ERROR\"}}],\"schema_url\":\"s\"}]}]}";
	static const char camel[] =
		"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"k\",\"value\":{\"kvlistValue\":"
		"{\"values\":[{\"key\":\"i\",\"value\":{\"intValue\":\"5\"}}]}}}],\"droppedAttributesCount\":1},"
		"\"scopeSpans\":[{\"spans\":[{\"traceId\":\"5b8efff798038103d269b633813fc60c\","
		"\"spanId\":\"eee19b7ec3c1b174\",\"parentSpanId\":\"eee19b7ec3c1b173\",\"kind\":5,"
		"\"startTimeUnixNano\":\"1\",\"endTimeUnixNano\":\"2\",\"traceState\":\"a=b\","
		"\"droppedLinksCount\":3,\"status\":{\"code\":2}}],\"schemaUrl\":\"s\"}]}]}";

	(void)state;
	expect_traces(snake, camel);
	expect_traces(SPAN_OF("\"kind\":\"SPAN_KIND_UNSPECIFIED\",\"status\":{\"code\":\"STATUS_CODE_UNSET\"}"),
		SPAN_OF("\"kind\":0,\"status\":{\"code\":0}"));
}

static void severities_have_names(void **state)
{
	static const char *const rows[][2] = { { "UNSPECIFIED", "0" }, { "TRACE", "1" }, { "TRACE4", "4" },
		{ "DEBUG", "5" }, { "INFO2", "10" }, { "WARN", "13" }, { "ERROR3", "19" }, { "FATAL4", "24" } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buffer by_name, by_number;
		char text[256];
		static const char form[] = "{\"resourceLogs\":[{\"scope_logs\":[{\"log_records\":[{\"severity_number\":"
					   "%s%s%s}]}]}]}";
		int size = snprintf(text, sizeof text, form, "\"SEVERITY_NUMBER_", rows[i][0], "\"");
		assert_null(read_text(text, (size_t)size, OTLP_JSON_LOGS, &by_name));
		size = snprintf(text, sizeof text, form, "", rows[i][1], "");
		assert_null(read_text(text, (size_t)size, OTLP_JSON_LOGS, &by_number));
		assert_true(by_name.size > 6);
		assert_int_equal(by_name.size, by_number.size);
		assert_memory_equal(by_name.data, by_number.data, by_name.size);
		buffer_done(&by_name);
		buffer_done(&by_number);
	}
}

static void what_is_wrong_is_refused(void **state)
{
	static const char *const rows[][2] = {
		{ "[]", "not JSON" },
		{ "{", "not JSON" },
		{ "{}x", "not JSON" },
		{ "{\"a\"}", "not JSON" },
		{ "{\"a\":1,}", "not JSON" },
		{ "{\"a\":01}", "not JSON" },
		{ "{\"a\":1.}", "not JSON" },
		{ "{\"a\":[1,]}", "not JSON" },
		{ "{\"a\":[1}}", "not JSON" },
		{ "{\"a\":tru}", "not JSON" },
		{ "{\"a\":\"\\x\"}", "not JSON" },
		{ "{\"a\":\"\\u12g4\"}", "not JSON" },
		{ "{\"a\":\"\n\"}", "not JSON" },
		{ "{\"resourceSpans\":{}}", "wrong kind" },
		{ "{\"resourceSpans\":[1]}", "wrong kind" },
		{ "{\"resourceSpans\":[{},]}", "wrong kind" },
		{ "{\"resourceSpans\":[{}{}]}", "not JSON" },
		{ SPAN_OF("\"name\":1"), "wrong kind" },
		{ SPAN_OF("\"kind\":\"SERVER\""), "a name of its values" },
		{ SPAN_OF("\"kind\":\"STATUS_CODE_OK\""), "a name of its values" },
		{ SPAN_OF("\"kind\":\"SPAN_KIND_\""), "a name of its values" },
		{ SPAN_OF("\"status\":{\"code\":\"STATUS_CODE_ERRORS\"}"), "a name of its values" },
		{ SPAN_OF("\"flags\":\"SPAN_KIND_SERVER\""), "not a number" },
		{ SPAN_OF("\"traceId\":[1,}"), "not JSON" },
		{ SPAN_OF("\"kind\":1.5"), "not a number" },
		{ SPAN_OF("\"startTimeUnixNano\":-1"), "not a number" },
		{ SPAN_OF("\"startTimeUnixNano\":\"18446744073709551616\""), "not a number" },
		{ VALUE_OF("\"intValue\":\"9223372036854775808\""), "not a number" },
		{ VALUE_OF("\"intValue\":\"\""), "not a number" },
		{ VALUE_OF("\"boolValue\":1"), "not a number" },
		{ VALUE_OF("\"doubleValue\":\"x\""), "not a number" },
		{ VALUE_OF("\"bytesValue\":\"a*\""), "base64" },
	};
	struct buffer wire;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *why = read_text(rows[i][0], strlen(rows[i][0]), OTLP_JSON_TRACES, &wire);
		if (!why || !strstr(why, rows[i][1]))
			fail_msg("%s: %s, not %s", rows[i][0], why ? why : "fine", rows[i][1]);
		buffer_done(&wire);
	}
}

/* So that the check of the request refuses that span, and no other. */
static void an_id_that_is_not_hex_has_the_wrong_size(void **state)
{
	static const char *const ids[] = { "0123456789abcdefX123456789abcdef",
		"W47/95gDgQPSabYzgT/GDA==", "0123456789abcde", "sixteen of these" };
	struct otlp_summary sum;
	struct buffer wire;
	char text[256];
	size_t at;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		snprintf(text, sizeof text, SPAN_OF("\"traceId\":\"%s\",\"spanId\":\"eee19b7ec3c1b174\""), ids[i]);
		assert_null(read_text(text, strlen(text), OTLP_JSON_TRACES, &wire));
		assert_int_equal(otlp_traces_check(wire.data, wire.size, &sum, &at), OTLP_TRACE_ID);
		buffer_done(&wire);
	}
}

/* As exporters have written ids of links: the bytes in a list. */
static void an_id_that_is_no_text_has_the_wrong_size(void **state)
{
	static const char *const ids[] = { "[157,48,54,48]", "12345", "{\"a\":[\"]\"]}", "true", "[]" };
	struct otlp_summary sum;
	struct buffer wire;
	char text[512];
	size_t at;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		snprintf(text, sizeof text, SPAN_OF("\"traceId\":%s,\"spanId\":\"eee19b7ec3c1b174\""), ids[i]);
		assert_null(read_text(text, strlen(text), OTLP_JSON_TRACES, &wire));
		assert_int_equal(otlp_traces_check(wire.data, wire.size, &sum, &at), OTLP_TRACE_ID);
		buffer_done(&wire);
		snprintf(text, sizeof text, SPAN_OF(IDS ",\"links\":[{\"traceId\":%s,\"spanId\":%s}],\"name\":\"n\""),
			ids[i], ids[i]);
		assert_null(read_text(text, strlen(text), OTLP_JSON_TRACES, &wire));
		assert_int_equal(otlp_traces_check(wire.data, wire.size, &sum, &at), OTLP_LINK_ID);
		buffer_done(&wire);
	}
}

static void a_log_record_has_its_own_names(void **state)
{
	static const char text[] =
		"{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":\"1\",\"observedTimeUnixNano\":"
		"\"2\",\"severityNumber\":9,\"severityText\":\"INFO\",\"body\":{\"stringValue\":\"b\"},"
		"\"eventName\":\"e\",\"flags\":1}]}]}]}";
	struct buffer wire, expected;

	(void)state;
	buffer_init(&expected, 1 << 10);
	put_fixed64(&expected, 1, 1);
	put_fixed64(&expected, 11, 2);
	put_number(&expected, 2, 9);
	put_text(&expected, 3, "INFO");
	put_bytes(&expected, 5,
		"\x0a\x01"
		"b",
		3);
	put_text(&expected, 12, "e");
	put_fixed32(&expected, 8, 1);
	for (int i = 0; i < 3; i++)
		put_wrap(&expected, 0, i < 2 ? 2 : 1);
	assert_null(read_text(text, strlen(text), OTLP_JSON_LOGS, &wire));
	assert_int_equal(wire.size, expected.size);
	assert_memory_equal(wire.data, expected.data, wire.size);
	buffer_done(&wire);
	buffer_done(&expected);
}

static void whatever_is_cut_off_is_refused(void **state)
{
	static const char text[] =
		SPAN_OF(IDS ",\"name\":\"\\u00fc\",\"startTimeUnixNano\":1.5e1,\"x\":[{\"y\":null}]");
	struct buffer wire;

	(void)state;
	for (size_t size = 1; size < sizeof text - 1; size++) {
		assert_non_null(read_text(text, size, OTLP_JSON_TRACES, &wire));
		buffer_done(&wire);
	}
}

static void depth_has_a_ceiling(void **state)
{
	enum { LEVELS = 5000 };
	static const char head[] = "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"k\",\"value\":";
	static const char open[] = "{\"arrayValue\":{\"values\":[", shut[] = "]}}";
	struct buffer text, wire;
	struct otlp_summary sum;
	size_t at;

	(void)state;
	buffer_init(&text, 1 << 20);
	put_raw(&text, head, sizeof head - 1);
	for (int i = 0; i < 80; i++)
		put_raw(&text, open, sizeof open - 1);
	for (int i = 0; i < 80; i++)
		put_raw(&text, shut, sizeof shut - 1);
	put_raw(&text, "}]}}]}", 6);
	assert_null(read_text(text.data, text.size, OTLP_JSON_TRACES, &wire));
	assert_int_equal(otlp_traces_check(wire.data, wire.size, &sum, &at), OTLP_DEEP);
	buffer_done(&wire);
	buffer_clear(&text);
	put_raw(&text, "{\"x\":", 5);
	for (int i = 0; i < LEVELS; i++)
		put_raw(&text, "[", 1);
	assert_string_equal(read_text(text.data, text.size, OTLP_JSON_TRACES, &wire), "nested too deep");
	buffer_done(&wire);
	buffer_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_reads_as_it_was_written),
		cmocka_unit_test(whatever_its_size_each_part_has_its_shortest_form),
		cmocka_unit_test(attributes_of_any_length_are_the_same),
		cmocka_unit_test(names_are_told_apart),
		cmocka_unit_test(each_form_of_a_value_is_read),
		cmocka_unit_test(names_of_the_proto_files_are_read),
		cmocka_unit_test(severities_have_names),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(an_id_that_is_not_hex_has_the_wrong_size),
		cmocka_unit_test(an_id_that_is_no_text_has_the_wrong_size),
		cmocka_unit_test(a_log_record_has_its_own_names),
		cmocka_unit_test(whatever_is_cut_off_is_refused),
		cmocka_unit_test(depth_has_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
