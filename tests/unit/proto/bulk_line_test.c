/*
 * Whether a line says when it was: every way to write the member, every way to only seem to.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/bulk_line.h"

#define DAY "2026-11-23T04:45:06"

static const struct {
	const char *line;
	enum bulk_time time;
	int64_t seconds; /* of what it says; 0: it does not say */
	const char *blank;
} lines[] = {
	{ "{\"@timestamp\":\"" DAY "Z\",\"a\":1}", BULK_TIME_THERE, 1795409106, NULL },
	{ "{\"@timestamp\":\"" DAY "\",\"a\":1}", BULK_TIME_THERE, 1795409106, NULL },
	{ "{\"@timestamp\":\"2026-11-23T04:45Z\"}", BULK_TIME_THERE, 1795409100, NULL },
	{ "{\"a\":1,\"@timestamp\":\"" DAY "+01:00\"}", BULK_TIME_THERE, 1795405506, NULL },
	{ "{\"@timestamp\":\"2026-11-23 04:45:06,5\"}", BULK_TIME_THERE, 1795409106, NULL },
	{ "{\"@timestamp\":1795409106000}", BULK_TIME_THERE, 1795409106, NULL },
	{ "{\"time\":\"" DAY "\"}", BULK_TIME_ABSENT, 1795409106, NULL },
	{ "{\"time\":1,\"date\":\"" DAY "\"}", BULK_TIME_ABSENT, 1795409106, NULL },
	{ "{\"time\":\"2025-01-01T00:00:00Z\",\"@timestamp\":\"" DAY "Z\"}", BULK_TIME_THERE, 1795409106, NULL },
	{ "{\"@timestamp\":\"yesterday\",\"ts\":\"" DAY "Z\"}", BULK_TIME_THERE, 1795409106, NULL },
	{ "{\"@timestamp\":{\"a\":1}}", BULK_TIME_THERE, 0, NULL },
	{ "{\"@timestamp\":\"" DAY "Z\\\"\"}", BULK_TIME_THERE, 0, NULL },
	{ "{\"@timestamp\":null}", BULK_TIME_BLANK, 0, "null" },
	{ "{\"@timestamp\":\"\"}", BULK_TIME_BLANK, 0, "\"\"" },
	{ " { \"@timestamp\" : null , \"time\":\"" DAY "Z\"} ", BULK_TIME_BLANK, 1795409106, "null" },
	{ "{\"\\u0040timestamp\":null,\"@Timestamp\":\"" DAY "Z\"}", BULK_TIME_BLANK, 1795409106, "null" },
	{ "{\"\\u0040timestamp\":\"x\"}", BULK_TIME_THERE, 0, NULL },
	{ "{\"@time\\u0073tamp\":\"" DAY "Z\"}", BULK_TIME_THERE, 1795409106, NULL },
	{ "{\"\\u0040\\u0074\\u0069\\u006D\\u0065\\u0073\\u0074\\u0061\\u006d\\u0070\":\"x\"}", BULK_TIME_THERE, 0,
		NULL },
	{ "{}", BULK_TIME_ABSENT, 0, NULL },
	{ "{\"a\":1}", BULK_TIME_ABSENT, 0, NULL },
	{ "{\"@timestamp2\":\"x\"}", BULK_TIME_ABSENT, 0, NULL },
	{ "{\"x@timestamp\":\"x\"}", BULK_TIME_ABSENT, 0, NULL },
	{ "{\"a\":\"@timestamp\"}", BULK_TIME_ABSENT, 0, NULL },
	{ "{\"a\":{\"@timestamp\":\"x\"}}", BULK_TIME_ABSENT, 0, NULL },
	{ "{\"a\":[{\"@timestamp\":\"x\"}]}", BULK_TIME_ABSENT, 0, NULL },
	{ "{\"a\":\"\\\"@timestamp\\\":\\\"x\\\"\"}", BULK_TIME_ABSENT, 0, NULL },
	{ "{\"\\u0140timestamp\":\"x\"}", BULK_TIME_ABSENT, 0, NULL },
	{ "{\"@timestamp\\u0000\":\"x\"}", BULK_TIME_ABSENT, 0, NULL },
};

static struct bulk_line ask(const char *text, char *copy)
{
	size_t size = strlen(text);
	struct bulk_line l;

	memset(copy, '"', size + JSON_LINE_PADDING); /* what stands behind a line must not count */
	memcpy(copy, text, size);
	bulk_line_read(json_scan_best(), (struct bytes){ copy, size }, &l);
	return l;
}

static void members(void **state)
{
	char copy[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		struct bulk_line l = ask(lines[i].line, copy);
		if (l.time != lines[i].time || l.known != (lines[i].seconds != 0) ||
			(l.known && l.when.seconds != lines[i].seconds))
			fail_msg("%s: %d, %lld", lines[i].line, l.time, (long long)l.when.seconds);
		if (lines[i].blank)
			assert_true(bytes_are((struct bytes){ copy + l.blank, l.blank_size }, lines[i].blank));
	}
}

/* Behind more members than are indexed it is looked for by itself. */
static void far_behind(void **state)
{
	static const struct {
		const char *last;
		enum bulk_time time;
	} cases[] = { { "\"@timestamp\":\"" DAY "Z\"}", BULK_TIME_THERE },
		{ "\"\\u0040timestamp\":null}", BULK_TIME_BLANK }, { "\"a\":{\"@timestamp\":1}}", BULK_TIME_ABSENT } };
	char *copy = malloc(16384);
	struct buffer line;

	(void)state;
	buffer_init(&line, 8192);
	for (size_t k = 0; k < COUNT_OF(cases); k++) {
		struct bulk_line l;
		buffer_clear(&line);
		assert_int_equal(buffer_text(&line, "{"), 0);
		for (int i = 0; i < JSON_MEMBERS_MAX + 10; i++)
			assert_int_equal(buffer_printf(&line, "\"member%d\":%d,", i, i), 0);
		assert_int_equal(buffer_append(&line, cases[k].last, strlen(cases[k].last) + 1), 0);
		l = ask(line.data, copy);
		assert_int_equal(l.time, cases[k].time);
		assert_int_equal(l.known, k == 0);
		assert_true(k != 0 || l.when.seconds == 1795409106);
	}
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
