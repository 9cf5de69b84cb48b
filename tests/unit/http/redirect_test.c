/* Where a Location leads, and that it leads nowhere but to the server that was asked. */
#include "unit/unit.h"

#include <errno.h>

#include "http/redirect.h"

static const struct {
	const char *url, *location, *to;
	int failed;
} rows[] = {
	{ "http://app:8000/metrics", "/metrics/", "http://app:8000/metrics/", 0 },
	{ "http://app:8000/metrics", "http://app:8000/metrics/", "http://app:8000/metrics/", 0 },
	{ "http://app:8000/metrics", "HTTP://APP:8000/x", "http://APP:8000/x", 0 },
	{ "http://app/metrics", "http://app:80/x?y=z", "http://app:80/x?y=z", 0 },
	{ "http://app:8000/a/metrics?x=1", "all", "http://app:8000/a/all", 0 },
	{ "http://app:8000/a/metrics", "../b", "http://app:8000/b", 0 },
	{ "http://app:8000/a", "//app:8000/b", "http://app:8000/b", 0 },
	{ "http://app:8000/a", "http://user:secret@app:8000/b#here", "http://app:8000/b", 0 },
	{ "http://localhost/metrics", "http://localhost/metrics/", "http://localhost/metrics/", 0 },
	{ "http://app:8000/metrics", "https://app:8000/metrics", NULL, -EXDEV },
	{ "http://app:8000/metrics", "http://app:8001/metrics", NULL, -EXDEV },
	{ "http://app:8000/metrics", "http://other:8000/metrics", NULL, -EXDEV },
	{ "http://app:8000/metrics", "//other/metrics", NULL, -EXDEV },
	{ "http://app:8000/metrics", "http://app:8000@other/metrics", NULL, -EXDEV },
	{ "http://app:8000/metrics", "file:///etc/passwd", NULL, -EXDEV },
	{ "http://app:8000/metrics", "http://app:80000/", NULL, -EINVAL },
	{ "http://app:8000/metrics", "http://", NULL, -EINVAL },
	{ "http://app:8000/metrics", "/0123456789012345678901234567890123456789", NULL, -ENAMETOOLONG },
};

static void a_location_leads_to_the_same_server_or_nowhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char to[40] = "";
		int failed = http_redirect(rows[i].url, rows[i].location, to, sizeof to);
		if (failed != rows[i].failed || (rows[i].to && strcmp(to, rows[i].to) != 0))
			fail_msg("%s at %s: %d, %s", rows[i].location, rows[i].url, failed, to);
	}
}

static void it_is_found_in_its_line(void **state)
{
	(void)state;
	assert_true(bytes_are(http_location(bytes_of("LOCATION:  /x \r\n")), "/x"));
	assert_true(bytes_are(http_location(bytes_of("Location:\r\n")), ""));
	assert_null(http_location(bytes_of("Locations: /x\r\n")).data);
	assert_null(http_location(bytes_of("Loc")).data);
}

static void only_some_statuses_redirect(void **state)
{
	unsigned found = 0;

	(void)state;
	for (unsigned status = 0; status < 600; status++)
		found += http_is_redirect(status);
	assert_int_equal(found, 5);
	assert_true(http_is_redirect(307) && !http_is_redirect(304));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_location_leads_to_the_same_server_or_nowhere),
		cmocka_unit_test(it_is_found_in_its_line),
		cmocka_unit_test(only_some_statuses_redirect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
