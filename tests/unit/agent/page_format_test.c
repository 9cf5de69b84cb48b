/*
 * Accept as Prometheus, its client libraries, browsers and curl send it, and the format that it gets.
 */
#include "admin/page_format.h"

#include "unit/unit.h"

#define TEXT "text/plain; version=0.0.4; charset=utf-8; escaping="
#define TEXT_1 "text/plain; version=1.0.0; charset=utf-8; escaping="
#define OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping="
#define PROTO_TYPE "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
#define PROTO "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping="
#define OPEN_0 "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping="

static const struct {
	const char *accept, *type;
} rows[] = {
	{ NULL, TEXT "underscores" },
	{ "", TEXT "underscores" },
	{ "*/*", TEXT "underscores" },
	{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT "underscores" },
	/* Prometheus 2 and 3 */
	{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
	  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		OPEN "underscores" },
	{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
	  "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
	  "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
		OPEN "allow-utf-8" },
	/* Prometheus 2 and 3 with native histograms */
	{ PROTO_TYPE
		",application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,"
		"text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		PROTO "underscores" },
	{ PROTO_TYPE
		";escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
		"text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
		PROTO "allow-utf-8" },
	/* each version */
	{ "application/vnd.google.protobuf; proto=\"io.prometheus.client.MetricFamily\"; encoding=delimited",
		PROTO "underscores" },
	{ "text/plain", TEXT "underscores" },
	{ "text/plain;version=0.0.4", TEXT "underscores" },
	{ "text/plain; version=1.0.0", TEXT_1 "underscores" },
	{ "text/plain; version=\"1.0.0\"; charset=utf-8", TEXT_1 "underscores" },
	{ "application/openmetrics-text", OPEN_0 "underscores" },
	{ "application/openmetrics-text; version=0.0.1", OPEN_0 "underscores" },
	{ "Application/OpenMetrics-Text; Version=1.0.0", OPEN "underscores" },
	/* weights */
	{ "text/plain;version=0.0.4;q=0.5, application/openmetrics-text;version=1.0.0;q=0.4", TEXT "underscores" },
	{ "text/plain;version=0.0.4;q=0.5, application/openmetrics-text;version=1.0.0;q=0.501", OPEN "underscores" },
	{ "text/plain;version=0.0.4;q=0.5, application/openmetrics-text;version=1.0.0;q=0.5", OPEN "underscores" },
	{ "text/plain;version=0.0.4, text/plain;version=1.0.0", TEXT_1 "underscores" },
	{ "*/*, application/openmetrics-text;version=1.0.0;q=0.1", OPEN "underscores" },
	{ "text/*, text/plain;version=1.0.0;q=0.1", TEXT_1 "underscores" },
	{ "application/openmetrics-text;version=1.0.0;q=0", TEXT "underscores" },
	{ "application/openmetrics-text;version=1.0.0;q=x", TEXT "underscores" },
	{ PROTO_TYPE ";q=0.4, text/plain;version=0.0.4;q=0.5", TEXT "underscores" },
	{ PROTO_TYPE ";q=0.5;escaping=dots, application/openmetrics-text;version=1.0.0;q=0.5", PROTO "dots" },
	{ PROTO_TYPE ";q=0", TEXT "underscores" },
	/* what is not written */
	{ "application/openmetrics-text;version=2.0.0", TEXT "underscores" },
	{ "application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0;q=0.1",
		OPEN "underscores" },
	{ "text/plain;version=2.0.0", TEXT "underscores" },
	{ "application/openmetrics-text2;version=1.0.0", TEXT "underscores" },
	{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", TEXT "underscores" },
	{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily", TEXT "underscores" },
	{ "application/vnd.google.protobuf;encoding=delimited", TEXT "underscores" },
	{ "application/vnd.google.protobuf", TEXT "underscores" },
	{ "application/protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", TEXT "underscores" },
	{ ",;,=;;version=1.0.0,/,", TEXT "underscores" },
	/* how names are escaped: as the clause says that is taken */
	{ "text/plain;version=1.0.0;escaping=allow-utf-8", TEXT_1 "allow-utf-8" },
	{ "text/plain;version=1.0.0;escaping=dots;q=0.1", TEXT_1 "dots" },
	{ "application/openmetrics-text;version=1.0.0;escaping=\"values\"", OPEN "values" },
	{ "application/openmetrics-text;version=1.0.0;escaping=underscores", OPEN "underscores" },
	{ "text/plain;version=0.0.4;escaping=allow-utf-8", TEXT "allow-utf-8" },
	{ "text/plain;escaping=of our own", TEXT "underscores" },
	{ "text/plain;version=1.0.0;escaping=dots;q=0.1,text/plain;version=0.0.4", TEXT "underscores" },
	{ "*/*;escaping=allow-utf-8", TEXT "underscores" },
};

static void each_gets_what_it_asks_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct page_format f = page_format(rows[i].accept);
		bool open = strstr(rows[i].type, "openmetrics"), proto = strstr(rows[i].type, "protobuf");
		char type[PAGE_TYPE_SIZE];
		page_format_type(&f, type);
		if (strcmp(type, rows[i].type) != 0)
			fail_msg("row %zu: %s gets %s", i, rows[i].accept, type);
		assert_int_equal(f.format, proto  ? EXPOSITION_PROTOBUF
					   : open ? EXPOSITION_OPENMETRICS
						  : EXPOSITION_TEXT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_gets_what_it_asks_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
