/*
 * Names of metrics and labels: those that Prometheus' OTLP receiver and the Collector give.
 */
#include "unit/unit.h"

#include <stdlib.h>

#include "proto/otlp_metric_name.h"

enum { COUNTER, UP_DOWN, GAUGE, HISTOGRAM };

static size_t name_of(const char *name, const char *unit, int kind, char *to)
{
	static const enum otlp_metric_kind kinds[] = { OTLP_SUM, OTLP_SUM, OTLP_GAUGE, OTLP_HISTOGRAM };
	const struct otlp_metric metric = {
		.name = bytes_of(name), .unit = bytes_of(unit), .kind = kinds[kind], .monotonic = kind == COUNTER
	};

	return otlp_metric_name(&metric, to);
}

static void a_metric_has_its_unit_and_its_type(void **state)
{
	static const struct {
		const char *name, *unit;
		int kind;
		const char *expected;
	} rows[] = {
		{ "http.server.request.duration", "s", HISTOGRAM, "http_server_request_duration_seconds" },
		{ "http.server.active_requests", "{request}", UP_DOWN, "http_server_active_requests" },
		{ "jobs", "1", COUNTER, "jobs_total" },
		{ "jobs", "1", UP_DOWN, "jobs" },
		{ "jobs.total", "", COUNTER, "jobs_total" },
		{ "total.jobs", "", COUNTER, "jobs_total" },
		{ "total", "", COUNTER, "total" },
		{ "jobs.total", "", GAUGE, "jobs_total" },
		{ "cpu.utilization", "1", GAUGE, "cpu_utilization_ratio" },
		{ "hit.ratio.cache", "1", GAUGE, "hit_cache_ratio" },
		{ "disk.io", "By/s", GAUGE, "disk_io_bytes_per_second" },
		{ "disk.bytes", "By", COUNTER, "disk_bytes_total" },
		{ "disk.second", "By/s", GAUGE, "disk_second_bytes" },
		{ "requests", "{request}/s", GAUGE, "requests_per_second" },
		{ "speed", "m/h", GAUGE, "speed_meters_per_hour" },
		{ "odd", "fur/fn", GAUGE, "odd_fur_per_fn" },
		{ "odd", "a-b", GAUGE, "odd_a_b" },
		{ "odd", " s ", GAUGE, "odd_seconds" },
		{ "full", "%", GAUGE, "full_percent" },
		{ "a..b__c", "", GAUGE, "a_b_c" },
		{ "_a_", "", GAUGE, "a" },
		{ "a:b", "", GAUGE, "a:b" },
		{ "9lives", "", COUNTER, "_9lives_total" },
		{ "", "s", GAUGE, "" },
		{ "..", "", GAUGE, "" },
		{ "\xc3\xa4x\xc3\xb6y", "", GAUGE, "x_y" },
	};
	char to[OTLP_METRIC_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t size = name_of(rows[i].name, rows[i].unit, rows[i].kind, to);
		assert_int_equal(size, strlen(rows[i].expected));
		assert_memory_equal(to, rows[i].expected, size);
	}
}

static void a_name_that_is_too_long_is_none(void **state)
{
	char name[OTLP_METRIC_NAME_MAX + 2], to[OTLP_METRIC_NAME_MAX], unit[OTLP_UNIT_MAX + 2];

	(void)state;
	memset(name, 'n', sizeof name);
	memset(unit, 'u', sizeof unit);
	name[OTLP_METRIC_NAME_MAX + 1] = unit[OTLP_UNIT_MAX + 1] = '\0';
	assert_int_equal(name_of(name, "", GAUGE, to), 0);
	name[OTLP_METRIC_NAME_MAX] = '\0';
	assert_int_equal(name_of(name, "", GAUGE, to), OTLP_METRIC_NAME_MAX);
	assert_int_equal(name_of(name, "", COUNTER, to), 0);
	name[0] = '1';
	assert_int_equal(name_of(name, "", GAUGE, to), 0);
	assert_int_equal(name_of("n", unit, GAUGE, to), 1);
	unit[OTLP_UNIT_MAX] = '\0';
	assert_int_equal(name_of("n", unit, GAUGE, to), 2 + OTLP_UNIT_MAX);
}

static void an_attribute_has_the_name_of_a_label(void **state)
{
	static const char *const rows[][2] = { { "http.method", "http_method" }, { "a..b", "a_b" }, { "_a", "_a" },
		{ "__a__", "_a_" }, { "9", "key_9" }, { "a:b", "a_b" }, { "", "" }, { "\xc3\xa4", "_" },
		{ "A1", "A1" } };
	char to[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t size = otlp_label_name(bytes_of(rows[i][0]), to);
		assert_int_equal(size, strlen(rows[i][1]));
		assert_memory_equal(to, rows[i][1], size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_metric_has_its_unit_and_its_type),
		cmocka_unit_test(a_name_that_is_too_long_is_none),
		cmocka_unit_test(an_attribute_has_the_name_of_a_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
