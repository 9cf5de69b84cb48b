/*
 * What people write as the address of a receiver of OTLP, and where the spans go.
 */
#include "exporters/endpoint.h"

#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

static const struct {
	const char *endpoint, *url; /* NULL: it is refused */
	bool grpc;
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
	{ "http://x:4317", "http://x:4317/a.b.Service/Export", .grpc = true },
	{ "https://u:p@[::1]:4317/", "https://u:p@[::1]:4317/a.b.Service/Export", .grpc = true },
	{ "http://x:4317/v1/traces", NULL, .grpc = true },
	{ "http://x:4317?a=b", NULL, .grpc = true },
	{ "http://x:4317/#", NULL, .grpc = true },
};

static const struct endpoint_path path = { "/v1/traces", "/a.b.Service/Export", "spans" };

static void endpoints(void **state)
{
	char why[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *from = rows[i].endpoint;
		bool wrong = endpoint_is_wrong(from, &path, rows[i].grpc, why, sizeof why);
		char *url = wrong ? NULL : endpoint_url(from, &path, rows[i].grpc);
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
