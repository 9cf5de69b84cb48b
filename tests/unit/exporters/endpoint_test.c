/*
 * What people write as the address of a receiver of OTLP, and where the spans go.
 */
#include "exporters/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

static const struct {
	const char *endpoint, *url; /* NULL: it is refused */
} rows[] = {
	{ "http://x:4318", "http://x:4318/v1/traces" },
	{ "http://x:4318/", "http://x:4318/v1/traces" },
	{ "http://x:4318//", "http://x:4318/v1/traces" },
	{ "http://x:4318/v1/traces", "http://x:4318/v1/traces" },
	{ "http://x:4318/v1/traces/", "http://x:4318/v1/traces" },
	{ "https://u:p@x/otlp", "https://u:p@x/otlp/v1/traces" },
	{ "https://x/otlp/v1/traces", "https://x/otlp/v1/traces" },
	{ "https://x/otlp/v1/", "https://x/otlp/v1/v1/traces" },
	{ "https://x/myv1/traces", "https://x/myv1/traces/v1/traces" },
	{ "http://x?token=a/b", "http://x/v1/traces?token=a/b" },
	{ "http://x/?token=a", "http://x/v1/traces?token=a" },
	{ "http://x/v1/traces?token=/v1/logs", "http://x/v1/traces?token=/v1/logs" },
	{ "http://x/v1/traces/?a", "http://x/v1/traces?a" },
	{ "http://x?to=/v1/traces", "http://x/v1/traces?to=/v1/traces" },
	{ "http://x/v1/traces/v1", "http://x/v1/traces/v1/v1/traces" },
	{ "http://x:4318/v1/logs", NULL },
	{ "http://x:4318/v1/logs/", NULL },
	{ "http://x:4318/otlp/v1/metrics?a=b", NULL },
	{ "http://x:4318/v1development/profiles", NULL },
	{ "http://x:4318/#v1", NULL },
};

static void endpoints(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char *url = endpoint_wrong(rows[i].endpoint) ? NULL : endpoint_url(rows[i].endpoint);
		if (!url != !rows[i].url || (url && strcmp(url, rows[i].url) != 0))
			fail_msg("%s: %s", rows[i].endpoint, url ? url : "refused");
		free(url);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
