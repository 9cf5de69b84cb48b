/*
 * Accept and Accept-Encoding as clients write them, and as they should not. Sections are those of RFC 9110.
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

static void elements_come_one_by_one(void **state)
{
	struct bytes rest = bytes_of("text/plain ; Version = \"1.0.0\";q=0.5;empty=;q2, , x/y");
	struct http_accepted a;

	(void)state;
	assert_true(http_accept_next(&rest, &a));
	assert_true(bytes_are(a.what, "text/plain") && a.weight == 500);
	assert_true(bytes_are(http_accept_parameter(a.parameters, "version"), "1.0.0"));
	assert_int_equal(http_accept_parameter(a.parameters, "empty").size, 0);
	assert_null(http_accept_parameter(a.parameters, "charset").data);
	assert_true(http_accept_next(&rest, &a));
	assert_int_equal(a.what.size, 0);
	assert_true(http_accept_next(&rest, &a));
	assert_true(bytes_are(a.what, "x/y") && a.weight == 1000);
	assert_false(http_accept_next(&rest, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wanted),
		cmocka_unit_test(elements_come_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
