/*
 * When lines were written, as libraries write it, and values that only look like it.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/log_time.h"

static const struct {
	const char *value, *written; /* NULL: no moment */
	bool zoned;
} values[] = {
	{ "\"2026-11-23T04:45:06.123Z\"", "2026-11-23T04:45:06.123Z", true },
	{ "\"2026-11-23 04:45:06,123\"", "2026-11-23T04:45:06.123Z", false },
	{ "1795409106", "2026-11-23T04:45:06.000Z", true },
	{ "1795409106.25", "2026-11-23T04:45:06.250Z", true },
	{ "1795409106.1234567891", "2026-11-23T04:45:06.123456789Z", true },
	{ "1795409106123", "2026-11-23T04:45:06.123Z", true },
	{ "1795409106123.5", "2026-11-23T04:45:06.123500Z", true },
	{ "1795409106123456", "2026-11-23T04:45:06.123456Z", true },
	{ "1795409106123456789", "2026-11-23T04:45:06.123456789Z", true },
	{ "\"1795409106123\"", "2026-11-23T04:45:06.123Z", true },
	{ "99999999999", "5138-11-16T09:46:39.000Z", true },
	{ "100000000000", "1973-03-03T09:46:40.000Z", true },
	{ "{\"epochSecond\":1795409106,\"nanoOfSecond\":123456000}", "2026-11-23T04:45:06.123456Z", true },
	{ "{\"nanoOfSecond\":1,\"x\":{},\"epochSecond\":1795409106}", "2026-11-23T04:45:06.000000001Z", true },
	{ "{\"epochSecond\":1795409106}", NULL, false },
	{ "{\"epochSecond\":1795409106,\"nanoOfSecond\":1000000000}", NULL, false },
	{ "{\"epochSecond\":\"1795409106\",\"nanoOfSecond\":0}", NULL, false },
	{ "35", NULL, false },
	{ "99999999", NULL, false },
	{ "1.795409106e9", NULL, false },
	{ "-1795409106", NULL, false },
	{ "1795409106.", NULL, false },
	{ "17954091061234567890", NULL, false },
	{ "\"\"", NULL, false },
	{ "\"now\"", NULL, false },
	{ "true", NULL, false },
	{ "null", NULL, false },
	{ "[1795409106]", NULL, false },
};

static void what_values_say(void **state)
{
	char copy[256], written[RFC3339_SIZE];
	struct rfc3339 t;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		size_t size = strlen(values[i].value);
		memset(copy, '9', sizeof copy); /* what stands behind a value must not count */
		memcpy(copy, values[i].value, size);
		bool found = log_time_read(json_scan_best(), (struct bytes){ copy, size }, &t);
		if (found != (values[i].written != NULL))
			fail_msg("%s: %d", values[i].value, found);
		if (!found)
			continue;
		rfc3339_write(t.seconds, t.nanos, written);
		assert_string_equal(written, values[i].written);
		assert_int_equal(t.zoned, values[i].zoned);
	}
}

static void names(void **state)
{
	static const char *const yes[] = { "@timestamp", "time", "Time", "TS", "t", "eventTime", "\\u0074ime" };
	static const char *const no[] = { "", "tim", "times", "timed", "tt", "@time", "\\u0074im" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(yes); i++)
		assert_int_not_equal(log_time_of_name(bytes_of(yes[i])), LOG_TIME_NONE);
	for (size_t i = 0; i < COUNT_OF(no); i++)
		assert_int_equal(log_time_of_name(bytes_of(no[i])), LOG_TIME_NONE);
}

static void the_first_that_tells(void **state)
{
	static const char line[JSON_LINE_PADDING + 128] =
		"{\"time\":35,\"a\":1795409106,\"ts\":1795409106,\"t\":1795409107}";
	struct json_line index;
	struct rfc3339 t;

	(void)state;
	assert_int_equal(json_line_index(json_scan_best(), line, strlen(line), &index), JSON_FINE);
	assert_int_equal(log_time_of_line(json_scan_best(), line, &index, &t), 2);
	assert_int_equal(t.seconds, 1795409106);
	index.count = 2;
	assert_int_equal(log_time_of_line(json_scan_best(), line, &index, &t), -1);
}

/* An app's own date does not stand for the time that its logger wrote behind it; alone it does. */
static void names_that_apps_use_come_second(void **state)
{
	static const char line[JSON_LINE_PADDING + 160] =
		"{\"date\":\"2020-01-01 00:00:00\",\"t\":1795409107,\"event\":\"x\","
		"\"timestamp\":\"2026-11-23T04:45:06Z\"}";
	struct json_line index;
	struct rfc3339 t;

	(void)state;
	assert_int_equal(json_line_index(json_scan_best(), line, strlen(line), &index), JSON_FINE);
	assert_int_equal(log_time_of_line(json_scan_best(), line, &index, &t), 3);
	assert_int_equal(t.seconds, 1795409106);
	index.count = 3;
	assert_int_equal(log_time_of_line(json_scan_best(), line, &index, &t), 0);
	assert_int_equal(t.seconds, 1577836800);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_values_say),
		cmocka_unit_test(names),
		cmocka_unit_test(the_first_that_tells),
		cmocka_unit_test(names_that_apps_use_come_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
