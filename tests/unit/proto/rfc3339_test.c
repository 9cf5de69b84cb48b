/*
 * Moments as loggers write them, against the C library's calendar, and texts that are none.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/rfc3339.h"

static const struct {
	const char *text;
	int64_t seconds;
} fine[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "2026-11-23T04:45:06Z", 1795409106 },
	{ "2026-11-23T04:45:06.123Z", 1795409106 },
	{ "2026-11-23t04:45:06,123456789z", 1795409106 },
	{ "2026-11-23 05:45:06+01:00", 1795409106 },
	{ "2026-11-23T05:45:06.5+0100", 1795409106 },
	{ "2026-11-22T23:15:06-05:30", 1795409106 },
	{ "2024-02-29T23:59:60Z", 1709251200 },
	{ "0000-01-01T00:00:00Z", -62167219200 },
	{ "9999-12-31T23:59:59Z", 253402300799 },
	{ "9999-12-31T22:59:59-01:00", 253402300799 },
	{ "0000-01-01T01:00:00+01:00", -62167219200 },
};

static const char *const wrong[] = { "", "2026", "2026-11-23", "2026-11-23T04:45:06", "2026-11-23T04Z",
	"2026-11-23T04:45.5Z", "2026-11-23T04:45:Z", "2026-13-23T04:45:06Z", "2026-00-23T04:45:06Z",
	"2026-11-31T04:45:06Z", "2026-11-00T04:45:06Z", "2025-02-29T04:45:06Z", "1900-02-29T04:45:06Z",
	"2026-11-23T24:45:06Z", "2026-11-23T04:60:06Z", "2026-11-23T04:45:61Z", "2026-11-23T04:45:06.Z",
	"2026-11-23T04:45:06Zx", "2026-11-23T04:45:06+01", "2026-11-23T04:45:06+24:00", "2026-11-23T04:45:06+01:60",
	"2026-11-23T04:45:06.123456", "-026-11-23T04:45:06Z", "1795409106000", "2026-11-23T04:45:06+01:0",
	/* in the years 10000 and -1 of UTC */
	"9999-12-31T23:59:59-00:01", "9999-12-31T23:59:60Z", "0000-01-01T00:00:00+00:01" };

/* Of a text that says its offset. */
static bool rfc3339_seconds(struct bytes text, int64_t *ret)
{
	struct rfc3339 t;

	if (!rfc3339_read(text, &t) || !t.zoned)
		return false;
	*ret = t.seconds;
	return true;
}

static void moments(void **state)
{
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fine); i++) {
		seconds = -1;
		if (!rfc3339_seconds(bytes_of(fine[i].text), &seconds) || seconds != fine[i].seconds)
			fail_msg("%s: %lld", fine[i].text, (long long)seconds);
	}
}

static const struct {
	const char *text;
	int64_t seconds;
	uint32_t nanos;
	bool zoned, strict;
	const char *written;
} exact[] = {
	{ "2026-11-23T04:45:06Z", 1795409106, 0, true, true, "2026-11-23T04:45:06.000Z" },
	{ "2026-11-23T04:45:06.123Z", 1795409106, 123000000, true, true, "2026-11-23T04:45:06.123Z" },
	{ "2026-11-23T04:45:06.1Z", 1795409106, 100000000, true, true, "2026-11-23T04:45:06.100Z" },
	{ "2026-11-23T05:45:06.123456+01:00", 1795409106, 123456000, true, true, "2026-11-23T04:45:06.123456Z" },
	{ "2026-11-23T04:45:06.000000001Z", 1795409106, 1, true, true, "2026-11-23T04:45:06.000000001Z" },
	{ "2026-11-23T04:45:06.1234567899Z", 1795409106, 123456789, true, false, "2026-11-23T04:45:06.123456789Z" },
	{ "2026-11-23 04:45:06,123", 1795409106, 123000000, false, false, "2026-11-23T04:45:06.123Z" },
	{ "2026-11-23T04:45:06", 1795409106, 0, false, false, "2026-11-23T04:45:06.000Z" },
	{ "2026-11-23T04:45:06.5-0100", 1795412706, 500000000, true, false, "2026-11-23T05:45:06.500Z" },
	{ "2026-11-23T04:45:06z", 1795409106, 0, true, false, "2026-11-23T04:45:06.000Z" },
	{ "2016-12-31T23:59:60Z", 1483228800, 0, true, false, "2017-01-01T00:00:00.000Z" },
	{ "2026-11-23T04:45Z", 1795409100, 0, true, false, "2026-11-23T04:45:00.000Z" },
	{ "2026-11-23 04:45", 1795409100, 0, false, false, "2026-11-23T04:45:00.000Z" },
	{ "1969-12-31T23:59:59.999Z", -1, 999000000, true, true, "1969-12-31T23:59:59.999Z" },
	{ "0000-01-01T00:00:00Z", -62167219200, 0, true, true, "0000-01-01T00:00:00.000Z" },
};

static void nothing_of_a_moment_is_lost(void **state)
{
	char written[RFC3339_SIZE];
	struct rfc3339 t;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(exact); i++) {
		memset(&t, 0xff, sizeof t);
		assert_true(rfc3339_read(bytes_of(exact[i].text), &t));
		if (t.seconds != exact[i].seconds || t.nanos != exact[i].nanos || t.zoned != exact[i].zoned ||
			t.strict != exact[i].strict)
			fail_msg("%s: %lld %u %d %d", exact[i].text, (long long)t.seconds, t.nanos, t.zoned, t.strict);
		assert_int_equal(rfc3339_write(t.seconds, t.nanos, written), strlen(exact[i].written));
		assert_string_equal(written, exact[i].written);
	}
}

static void what_is_none(void **state)
{
	int64_t seconds = 7;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		if (rfc3339_seconds(bytes_of(wrong[i]), &seconds) || seconds != 7)
			fail_msg("%s passed", wrong[i]);
}

/* Any prefix of a moment is none, and reading it stays within it. */
static void cut_anywhere(void **state)
{
	const char whole[] = "2026-11-23T04:45:06.123+01:00";
	int64_t seconds;

	(void)state;
	for (size_t size = 0; size < sizeof whole - 1; size++) {
		char copy[sizeof whole];
		memset(copy, '0', sizeof copy);
		memcpy(copy, whole, size);
		assert_false(rfc3339_seconds((struct bytes){ copy, size }, &seconds));
	}
}

static void as_the_c_library_has_it(void **state)
{
	char text[40];
	int64_t seconds;

	(void)state;
	for (int64_t at = -62167219200; at < 253402300799; at += 86400 * 53 + 12347) {
		time_t when = (time_t)at;
		struct tm tm;
		struct civil_time civil = civil_from_seconds(at);
		assert_non_null(gmtime_r(&when, &tm));
		assert_int_equal(civil.year, tm.tm_year + 1900);
		assert_int_equal(civil.month, tm.tm_mon + 1);
		assert_int_equal(civil.day, tm.tm_mday);
		assert_int_equal(civil.hour, tm.tm_hour);
		snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
			tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
		assert_true(rfc3339_seconds(bytes_of(text), &seconds));
		assert_int_equal(seconds, at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments),
		cmocka_unit_test(nothing_of_a_moment_is_lost),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(as_the_c_library_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
