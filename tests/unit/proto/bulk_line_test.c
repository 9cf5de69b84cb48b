/*
 * Whether a line says when it was: every way to write the member, every way to only seem to.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bulk_line.h"

static const struct {
	const char *line;
	bool there;
	const char *value;
} lines[] = {
	{ "{\"@timestamp\":\"2026-11-23T04:45:06Z\",\"a\":1}", true, "2026-11-23T04:45:06Z" },
	{ "{\"@timestamp\":\"\"}", true, "" },
	{ "{\"a\":1,\"@timestamp\":\"x\"}", true, "x" },
	{ " { \"@timestamp\" : \"x\" } ", true, "x" },
	{ "{\"\\u0040timestamp\":\"x\"}", true, "x" },
	{ "{\"@time\\u0073tamp\":\"x\"}", true, "x" },
	{ "{\"\\u0040\\u0074\\u0069\\u006D\\u0065\\u0073\\u0074\\u0061\\u006d\\u0070\":\"x\"}", true, "x" },
	{ "{\"@timestamp\":1795409106000}", true, "" },
	{ "{\"@timestamp\":null}", true, "" },
	{ "{\"@timestamp\":{\"a\":1}}", true, "" },
	{ "{}", false, "" },
	{ "{\"a\":1}", false, "" },
	{ "{\"timestamp\":\"x\"}", false, "" },
	{ "{\"@timestamp2\":\"x\"}", false, "" },
	{ "{\"x@timestamp\":\"x\"}", false, "" },
	{ "{\"@Timestamp\":\"x\"}", false, "" },
	{ "{\"a\":\"@timestamp\"}", false, "" },
	{ "{\"a\":{\"@timestamp\":\"x\"}}", false, "" },
	{ "{\"a\":[{\"@timestamp\":\"x\"}]}", false, "" },
	{ "{\"a\":\"\\\"@timestamp\\\":\\\"x\\\"\"}", false, "" },
	{ "{\"\\u0140timestamp\":\"x\"}", false, "" },
	{ "{\"@timestamp\\u0000\":\"x\"}", false, "" },
};

static bool ask(const char *text, struct bytes *value, char *copy)
{
	size_t size = strlen(text);

	memset(copy, '"', size + JSON_LINE_PADDING); /* what stands behind a line must not count */
	memcpy(copy, text, size);
	return bulk_line_timestamp(json_scan_best(), (struct bytes){ copy, size }, value);
}

static void members(void **state)
{
	char copy[512];
	struct bytes value;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		if (ask(lines[i].line, &value, copy) != lines[i].there || !bytes_are(value, lines[i].value))
			fail_msg("%s: \"%.*s\"", lines[i].line, (int)value.size, value.data);
}

/* Behind more members than are indexed it cannot be told, and then nothing is added. */
static void far_behind(void **state)
{
	char *copy = malloc(16384);
	struct bytes value;
	struct buffer line;

	(void)state;
	buffer_init(&line, 8192);
	assert_int_equal(buffer_text(&line, "{"), 0);
	for (int i = 0; i < JSON_MEMBERS_MAX + 10; i++)
		assert_int_equal(buffer_printf(&line, "\"member%d\":%d,", i, i), 0);
	assert_int_equal(buffer_append(&line, "\"@timestamp\":\"x\"}", 18), 0);
	assert_int_equal(buffer_append(&line, "", 1), 0);
	assert_true(ask(line.data, &value, copy));
	assert_int_equal(value.size, 0);
	buffer_done(&line);
	free(copy);
}

static void openings(void **state)
{
	const struct {
		const char *line;
		size_t size;
		bool empty;
	} cases[] = { { "{}", 1, true }, { "{ }", 1, true }, { " \t{\"a\":1}", 3, false }, { "{\n\"a\":1}", 1, false },
		{ "", 0, true }, { "{", 1, true }, { "  ", 2, true } };
	bool empty;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(bulk_line_opening(bytes_of(cases[i].line), &empty), cases[i].size);
		assert_int_equal(empty, cases[i].empty);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members),
		cmocka_unit_test(far_behind),
		cmocka_unit_test(openings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
