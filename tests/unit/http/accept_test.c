/*
 * Accept-Encoding as clients write it, and as they should not. Sections are those of RFC 9110.
 */
#include "http/accept.h"

#include "base/bytes.h"
#include "unit/unit.h"

static const struct {
	const char *header;
	bool gzip;
} rows[] = {
	{ NULL, false },
	{ "", false },
	{ "gzip", true },
	{ "GZip", true },
	{ "x-gzip", true }, /* 8.4.1.3 */
	{ "gzip, deflate, br", true },
	{ "deflate,gzip;q=1.0", true },
	{ "br;q=1.0, gzip;q=0.8, *;q=0.1", true },
	{ " gzip ; q=0.001 ", true },
	{ "gzip;Q=1", true },
	{ "gzip;q=1.", true },
	{ "gzip;level=9;q=0.5", true },
	{ ",, gzip ,", true }, /* 5.6.1 */
	{ "*", true },
	{ "*;q=0.5, identity;q=0", true },
	{ "identity;q=0.5, gzip;q=0.5", true },
	/* a no */
	{ "gzip;q=0", false },
	{ "gzip;q=0.000", false },
	{ "gzip; q=0", false },
	{ "GZIP ; Q=0.0", false },
	{ "gzip;q=0, *", false },
	{ "*, gzip;q=0", false },
	{ "*;q=0", false },
	{ "identity", false },
	{ "identity;q=0", false },
	{ "identity, gzip;q=0.5", false },
	{ "deflate, br", false },
	/* no gzip in it */
	{ "gzipped", false },
	{ "not-gzip", false },
	{ "gzip-9", false },
	{ "deflate;gzip", false },
	{ "deflate;q=\"gzip\"", false },
	/* no weights */
	{ "gzip;q=", false },
	{ "gzip;q", false },
	{ "gzip;q=2", false },
	{ "gzip;q=1.001", false },
	{ "gzip;q=0.5x", false },
	{ "gzip;q=0.0001", false },
	{ "gzip;q=.5", false },
	{ "gzip;q=-1", false },
};

static void what_is_wanted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (http_accepts_gzip(rows[i].header) != rows[i].gzip)
			fail_msg("row %zu: %s", i, rows[i].header);
}

/* What Prometheus 2 and 3, browsers and curl send among them. */
static const struct {
	const char *header;
	bool openmetrics;
} pages[] = {
	{ NULL, false },
	{ "*/*", false },
	{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
	  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		true },
	{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
	  "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
	  "text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
		true },
	{ "application/openmetrics-text", true },
	{ "text/plain;q=0.5, Application/OpenMetrics-Text; q=0.5", true },
	{ "text/plain, application/openmetrics-text;q=0.9", false },
	{ "application/openmetrics-text;q=0", false },
	{ "application/openmetrics-text2", false },
	{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false },
	{ "text/plain;version=0.0.4", false },
};

static void which_page_is_wanted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(pages); i++)
		if (http_accepts_openmetrics(pages[i].header) != pages[i].openmetrics)
			fail_msg("row %zu: %s", i, pages[i].header);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wanted),
		cmocka_unit_test(which_page_is_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
