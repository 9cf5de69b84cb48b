/*
 * The header Accept that a target gets.
 */
#include "collectors/protocols.h"

#include "config/option.h"
#include "unit/unit.h"

static void expect(const char *const *names, size_t count, const char *wanted)
{
	char accept[PROTOCOLS_ACCEPT_SIZE];

	protocols_accept(&(struct option_list){ count, names }, accept);
	assert_string_equal(accept, wanted);
}

static void formats_are_asked_for_in_their_order(void **state)
{
	static const char *const two[] = { "PrometheusText0.0.4", "OpenMetricsText1.0.0", "PrometheusText0.0.4" };
	static const char *const protobuf[] = { "PrometheusProto", "PrometheusText0.0.4" };

	(void)state;
	expect(NULL, 0,
		"Accept: application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.9,"
		"application/openmetrics-text;version=0.0.1;q=0.8,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.7,"
		"text/plain;version=0.0.4;q=0.6,*/*;q=0.1");
	expect(protobuf, 2,
		"Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;"
		"escaping=allow-utf-8;q=0.9,text/plain;version=0.0.4;q=0.8,*/*;q=0.1");
	expect(two, 3,
		"Accept: text/plain;version=0.0.4;q=0.9,"
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.8,*/*;q=0.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_are_asked_for_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
