/*
 * Who may ask: what browsers say of a request, what programs send, and the names under which a door is reached.
 */
#include "http/origin.h"

#include "base/bytes.h"
#include "unit/unit.h"

#define PAGE "https://app.example"

static const char *const listed[] = { PAGE, "http://dev.example:3000" };
static const char *const all_in[] = { "*" };
static const char *const sandboxed[] = { "null" };
static const struct http_origins none = { NULL, 0, NULL }, some = { listed, COUNT_OF(listed), NULL },
				 any = { all_in, 1, NULL }, opaque = { sandboxed, 1, NULL };

static const struct {
	const struct http_origins *origins;
	struct http_sender sender; /* Host, Origin, Sec-Fetch-Site, Sec-Fetch-Mode, reads */
	bool foreign;
} senders[] = {
	/* Programs: curl, SDKs, Prometheus, Node's fetch, HTTP/1.0. */
	{ &none, { "127.0.0.1:4318", NULL, NULL, NULL, false }, false },
	{ &none, { NULL, NULL, NULL, NULL, true }, false },
	{ &none, { "otel:4318", NULL, NULL, "cors", false }, false },
	/* A page posts without a preflight. */
	{ &none, { "127.0.0.1:9200", "http://evil.example", NULL, NULL, false }, true },
	{ &none, { "127.0.0.1:9200", "http://evil.example", "cross-site", "no-cors", false }, true },
	{ &none, { "127.0.0.1:9200", "null", NULL, NULL, false }, true },
	{ &none, { "127.0.0.1:9200", "", NULL, NULL, false }, true },
	{ &none, { "127.0.0.1:9200", "garbage", NULL, NULL, false }, true },
	{ &none, { "127.0.0.1:9200", NULL, "cross-site", "no-cors", false }, true },
	{ &none, { "localhost:9200", "http://localhost:3000", "same-site", "cors", false }, true },
	{ &none, { "localhost:9200", NULL, "something-new", NULL, false }, true },
	{ &none, { NULL, "http://evil.example", NULL, NULL, false }, true },
	/* A page reads, or has an image, or a form that is sent there. */
	{ &none, { "127.0.0.1:9464", "http://evil.example", NULL, NULL, true }, true },
	{ &none, { "127.0.0.1:9464", NULL, "cross-site", "no-cors", true }, true },
	{ &none, { "127.0.0.1:9464", "http://evil.example", "cross-site", "navigate", true }, true },
	{ &none, { "127.0.0.1:9200", NULL, "cross-site", "navigate", false }, true },
	/* A person: the address bar, a link on Prometheus's page of targets. */
	{ &none, { "127.0.0.1:9464", NULL, "none", "navigate", true }, false },
	{ &none, { "127.0.0.1:9464", NULL, "cross-site", "navigate", true }, false },
	/* The same origin, with its port written or not. */
	{ &none, { "a.example", "https://a.example", NULL, NULL, false }, false },
	{ &none, { "A.example:443", "https://a.EXAMPLE", NULL, NULL, false }, false },
	{ &none, { "a.example:80", "http://a.example", NULL, NULL, false }, false },
	{ &none, { "[::1]:4318", "http://[::1]:4318", NULL, NULL, false }, false },
	{ &none, { "a.example:8080", "http://a.example", NULL, NULL, false }, true },
	{ &none, { "a.example", "http://a.example:8080", NULL, NULL, false }, true },
	{ &none, { "a.example", "http://a.example.evil.example", NULL, NULL, false }, true },
	{ &none, { "a.example", "http://evil.example/a.example", NULL, NULL, false }, true },
	{ &none, { "[::1]:4318", "http://[::2]:4318", NULL, NULL, false }, true },
	/* A proxy of the page's own server between, which asks under another Host. */
	{ &none, { "127.0.0.1:4318", "http://localhost:3000", "same-origin", "cors", false }, false },
	/* Those that are let in. */
	{ &some, { "127.0.0.1:4318", PAGE, "cross-site", "cors", false }, false },
	{ &some, { "127.0.0.1:4318", "https://app.example:443", NULL, NULL, false }, false },
	{ &some, { "127.0.0.1:4318", "http://dev.example:3000", NULL, NULL, false }, false },
	{ &some, { "127.0.0.1:4318", "http://app.example", "cross-site", "cors", false }, true },
	{ &some, { "127.0.0.1:4318", "https://app.example:8443", NULL, NULL, false }, true },
	{ &some, { "127.0.0.1:4318", "https://app.example.evil.example", NULL, NULL, false }, true },
	{ &some, { "127.0.0.1:4318", "http://dev.example", NULL, NULL, false }, true },
	{ &some, { "127.0.0.1:4318", "null", NULL, NULL, false }, true },
	{ &some, { "127.0.0.1:4318", NULL, "cross-site", "no-cors", false }, true },
	{ &opaque, { "127.0.0.1:4318", "null", NULL, NULL, false }, false },
	{ &any, { "127.0.0.1:4318", "http://evil.example", "cross-site", "cors", false }, false },
	{ &any, { "127.0.0.1:4318", NULL, "cross-site", "no-cors", false }, false },
};

static void pages_of_others_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(senders); i++)
		if (http_origin_is_foreign(&senders[i].sender, senders[i].origins) != senders[i].foreign)
			fail_msg("row %zu", i);
}

static const struct {
	const char *host;
	bool foreign;
} hosts[] = {
	{ NULL, false },
	{ "", false },
	{ "localhost", false },
	{ "LocalHost:9464", false },
	{ "localhost.:9464", false },
	{ "app.localhost:9464", false },
	{ "127.0.0.1:9464", false },
	{ "127.1", false },
	{ "10.0.0.7:9464", false },
	{ "[::1]:9464", false },
	{ "[fe80::1]", false },
	{ "jaeger:4318", false },
	{ "host.docker.internal:4318", false },
	{ "otel.default.svc:4318", false },
	{ "otel.default.svc.cluster.local:4318", false },
	{ "shop.test", false },
	{ "build1.corp.example", false }, /* ours */
	{ "app.example", false }, /* listed, as https */
	{ "app.example:443", false },
	{ "dev.example:3000", false },
	{ "app.example:9464", true },
	{ "dev.example", true },
	{ "evil.example", true },
	{ "evil.example:9464", true },
	{ "evil.example.", true },
	{ "127.0.0.1.evil.example", true },
	{ "localhost.evil.example", true },
	{ "local.evil", true },
	{ "1e100.net", true },
	{ "build1.corp.example.evil", true },
	{ "evil.example:port", true },
	{ "evil.example:1:2", true },
	{ "[::1].evil.example", true },
};

static void names_that_strangers_may_have_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(hosts); i++) {
		if (http_host_is_foreign(hosts[i].host, "build1.corp.example", &some) != hosts[i].foreign)
			fail_msg("row %zu: %s", i, hosts[i].host);
		assert_false(http_host_is_foreign(hosts[i].host, "", &any));
	}
	assert_true(http_host_is_foreign("build1.corp.example", "", &some));
	assert_true(http_host_is_foreign("app.example", "", &none));
}

static void what_is_no_origin_is_told(void **state)
{
	static const char *const fine[] = { "*", "null", PAGE, "http://localhost:3000", "http://[::1]:3000",
		"capacitor://localhost", "moz-extension://0123" };
	static const char *const wrong[] = { "", "app.example", "https://", "://app.example", "https://app.example/",
		"https://app.example/page", "https://*.example", "https://app.example:port", "https://a b",
		"http://u@a", "http://a,http://b" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fine); i++)
		assert_null(http_origin_wrong(fine[i]));
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		if (!http_origin_wrong(wrong[i]))
			fail_msg("%s", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_others_are_told),
		cmocka_unit_test(names_that_strangers_may_have_are_told),
		cmocka_unit_test(what_is_no_origin_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
