/*
 * Log lines as LogRecords, told field by field: "time 1.5s, 17 ERROR, body \"x\" …".
 */
#include "proto/otlp_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "unit/unit.h"

enum { OBSERVED = 7, DEPTH = 100 };

static const struct {
	const char *line, *told;
} cases[] = {
	{ "{}", "" },
	{ "{\"message\":\"hello\"}", "body \"hello\" " },
	{ "{\"msg\":\"a\\u0062\\n\"}", "body \"ab\n\" " },
	{ "{\"message\":{\"a\":1}}", "body {a=1} " },
	{ "{\"message\":\"x\",\"msg\":\"y\"}", "body \"x\" msg=\"y\" " },
	{ "{\"@timestamp\":\"2023-11-14T22:13:20.000000001Z\",\"time\":5}", "time 1700000000000000001 time=5 " },
	{ "{\"ts\":1700000000.5}", "time 1700000000500000000 " },
	{ "{\"@timestamp\":\"yesterday\"}", "@timestamp=\"yesterday\" " },
	{ "{\"level\":\"warning\",\"message\":\"x\"}", "13 warning body \"x\" " },
	{ "{\"log.level\":\"ERROR\"}", "17 ERROR " },
	{ "{\"level\":30}", "9 info " },
	{ "{\"trace_id\":\"0123456789abcdef0123456789ABCDEF\",\"span_id\":\"00000000000000ff\"}",
		"trace 0123456789abcdef0123456789abcdef span 00000000000000ff " },
	{ "{\"trace.id\":\"0123456789abcdef0123456789abcdef\"}", "trace 0123456789abcdef0123456789abcdef " },
	{ "{\"trace_id\":\"00000000000000000000000000000000\"}", "trace_id=\"00000000000000000000000000000000\" " },
	{ "{\"trace_id\":\"xyz\",\"span_id\":12}", "trace_id=\"xyz\" span_id=12 " },
	{ "{\"a\":1,\"b\":-7,\"c\":1.5,\"d\":true,\"e\":false,\"f\":null,\"g\":\"\"}",
		"a=1 b=-7 c=1.5d d=true e=false f=null g=\"\" " },
	{ "{\"a\":9223372036854775807,\"b\":-9223372036854775808,\"c\":9223372036854775808}",
		"a=9223372036854775807 b=-9223372036854775808 c=9.223372036854776e+18d " },
	{ "{\"a\":1e400,\"b\":-0,\"c\":1e2}", "a=\"1e400\" b=-0d c=100d " },
	{ "{\"a\":{\"b\":{\"c\":[1,\"x\",{},[],[2]]},\"d\":null}}", "a={b={c=[1,\"x\",{},[],[2]]},d=null} " },
	{ "{\"a\":[],\"b\":{}}", "a=[] b={} " },
	{ " { \"a\" : { \"b\" : [ 1 , 2 ] } } ", "a={b=[1,2]} " },
	{ "{\"na\\u00efve\":\"\\ud83d\\ude00\"}", "na\xc3\xafve=\"\xf0\x9f\x98\x80\" " },
	{ "not JSON", "body \"not JSON\" " },
};

static void tell(struct buffer *to, const char *format, ...) PRINTF_LIKE(2, 3);

static void tell(struct buffer *to, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	assert_int_equal(buffer_vprintf(to, format, args), 0);
	va_end(args);
}

static void tell_any(struct buffer *to, struct bytes any);

static void tell_pair(struct buffer *to, struct bytes pair)
{
	struct wire w = wire_of(pair);
	struct wire_field f;

	while (wire_next(&w, &f) > 0)
		if (f.number == 1)
			tell(to, "%.*s=", (int)f.bytes.size, f.bytes.data);
		else
			tell_any(to, f.bytes);
}

static void tell_list(struct buffer *to, struct bytes list, bool map)
{
	struct wire w = wire_of(list);
	struct wire_field f;
	const char *comma = "";

	tell(to, "%s", map ? "{" : "[");
	while (wire_next(&w, &f) > 0) {
		tell(to, "%s", comma);
		comma = ",";
		if (map)
			tell_pair(to, f.bytes);
		else
			tell_any(to, f.bytes);
	}
	tell(to, "%s", map ? "}" : "]");
}

static void tell_any(struct buffer *to, struct bytes any)
{
	struct wire w = wire_of(any);
	struct wire_field f;
	char text[DOUBLE_TEXT_SIZE];
	double real;

	if (wire_next(&w, &f) <= 0) {
		tell(to, "null");
		return;
	}
	memcpy(&real, &f.value, sizeof real);
	if (f.number == OTLP_VALUE_TEXT)
		tell(to, "\"%.*s\"", (int)f.bytes.size, f.bytes.data);
	else if (f.number == OTLP_VALUE_BOOL)
		tell(to, "%s", f.value ? "true" : "false");
	else if (f.number == OTLP_VALUE_INT)
		tell(to, "%lld", (long long)f.value);
	else if (f.number == OTLP_VALUE_DOUBLE)
		double_format(real, text), tell(to, "%sd", text);
	else
		tell_list(to, f.bytes, f.number == OTLP_VALUE_MAP);
}

static void tell_hex(struct buffer *to, const char *what, struct bytes id)
{
	char hex[33] = "";

	assert_true(id.size <= 16);
	hex_format(id.data, id.size, hex);
	tell(to, "%s %s ", what, hex);
}

static void tell_record(struct buffer *to, struct bytes record)
{
	struct wire w = wire_of(record);
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0) {
		if (f.number == 1)
			tell(to, "time %llu ", (unsigned long long)f.value);
		else if (f.number == 2)
			tell(to, "%llu ", (unsigned long long)f.value);
		else if (f.number == 3)
			tell(to, "%.*s ", (int)f.bytes.size, f.bytes.data);
		else if (f.number == 9 || f.number == 10)
			tell_hex(to, f.number == 9 ? "trace" : "span", f.bytes);
		else if (f.number == 11)
			assert_int_equal(f.value, OBSERVED);
		else if (f.number == 5)
			tell(to, "body "), tell_any(to, f.bytes), tell(to, " ");
		else
			assert_int_equal(f.number, 6), tell_pair(to, f.bytes), tell(to, " ");
	}
	assert_int_equal(more, 0);
}

/* Builds it twice, since the first only counts. */
static void convert(struct otlp_log *l, const char *text, struct buffer *told)
{
	size_t size = strlen(text);
	char *line = oxp_new(size + JSON_LINE_PADDING), *out;
	struct otlp_build b = { NULL, 0, 0 };
	struct wire_field f;
	struct wire w;

	memcpy(line, text, size);
	otlp_log_build(l, &b, (struct bytes){ line, size }, OBSERVED);
	out = oxp_new(b.size);
	b = (struct otlp_build){ out, b.size, 0 };
	otlp_log_build(l, &b, (struct bytes){ line, size }, OBSERVED);
	assert_int_equal(b.size, b.room);
	w = wire_of((struct bytes){ out, b.size });
	assert_int_equal(wire_next(&w, &f), 1);
	assert_int_equal(f.number, 2);
	tell_record(told, f.bytes);
	assert_int_equal(buffer_append(told, "", 1), 0);
	free(line);
	free(out);
}

static void lines_as_records(void **state)
{
	struct otlp_log *l = otlp_log_new();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct buffer told;
		buffer_init(&told, 4096);
		convert(l, cases[i].line, &told);
		if (strcmp(told.data, cases[i].told) != 0)
			fail_msg("case %zu: %s", i, told.data);
		buffer_done(&told);
	}
	otlp_log_free(l);
}

/* From some level on it is text: receivers take a hundred messages in messages, and each level is three. */
static void what_is_nested_too_deep_is_text(void **state)
{
	struct otlp_log *l = otlp_log_new();
	char line[8 * DEPTH] = "{\"a\":";
	struct buffer told;

	(void)state;
	for (int i = 0; i < 40; i++)
		strncat(line, "[", 2);
	for (int i = 0; i < 40; i++)
		strncat(line, "]", 2);
	strncat(line, "}", 2);
	buffer_init(&told, 4096);
	convert(l, line, &told);
	assert_non_null(strstr(told.data, "[[\"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]\"]]"));
	buffer_done(&told);
	otlp_log_free(l);
}

/* Members that the index of a line does not hold. */
static void many_members(void **state)
{
	struct otlp_log *l = otlp_log_new();
	struct buffer line, told;

	(void)state;
	buffer_init(&line, 64 << 10);
	buffer_init(&told, 64 << 10);
	for (int i = 0; i < 300; i++)
		tell(&line, "%s\"m%d\":{\"n\":%d}", i ? "," : "{", i, i);
	tell(&line, "}%c", 0);
	convert(l, line.data, &told);
	assert_non_null(strstr(told.data, "m0={n=0} m1={n=1} "));
	assert_non_null(strstr(told.data, "m298={n=298} m299={n=299} "));
	buffer_done(&line);
	buffer_done(&told);
	otlp_log_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_as_records),
		cmocka_unit_test(what_is_nested_too_deep_is_text),
		cmocka_unit_test(many_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
