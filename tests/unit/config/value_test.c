/*
 * The words of options: which are taken, what is said of the others, and that what is printed reads back.
 */
#include "unit/unit.h"

#include "config/value.h"

struct reading { const char *text, *wrong; uint64_t value; };

static void assert_wrong(const char *text, const char *wrong, const char *expected)
{
	if (!wrong != !expected || (wrong && strcmp(wrong, expected) != 0))
		fail_msg("%s: %s", text, wrong ? wrong : "taken");
}

static void test_sizes(void **state)
{
	static const struct reading readings[] = {
		{ "0B", NULL, 0 },
		{ "1B", NULL, 1 },
		{ "64KiB", NULL, 65536 },
		{ "32MiB", NULL, 32 << 20 },
		{ "1GiB", NULL, 1 << 30 },
		{ "16777215TiB", NULL, UINT64_C(16777215) << 40 },
		{ "64Ki", NULL, 65536 },
		{ "64Mi", NULL, 64 << 20 },
		{ "1Gi", NULL, 1 << 30 },
		{ "2Ti", NULL, UINT64_C(2) << 40 },
		{ "16777216Ti", "is too large", 7 },
		{ "64mi", "has an unknown unit", 7 },
		{ "16777216TiB", "is too large", 7 },
		{ "99999999999999999999B", "is too large", 7 },
		{ "64", "has no unit", 7 },
		{ "64K", "has an unknown unit", 7 },
		{ "64 KiB", "has an unknown unit", 7 },
		{ "1.5GiB", "has an unknown unit", 7 },
		{ "64kib", "has an unknown unit", 7 },
		{ "", "does not begin with a number", 7 },
		{ "-1B", "does not begin with a number", 7 },
		{ "1KiB1", "has an unknown unit", 7 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(readings); i++) {
		uint64_t value = 7, again;
		char text[VALUE_TEXT_SIZE];
		assert_wrong(readings[i].text, value_size(readings[i].text, &value), readings[i].wrong);
		assert_int_equal(value, readings[i].value);
		value_size_print(value, text);
		assert_null(value_size(text, &again));
		assert_int_equal(again, value);
	}
}

static void test_guesses(void **state)
{
	static const struct {
		const char *text, *size, *duration; /* NULL: nobody can tell */
	} guesses[] = {
		{ "64MB", "64MiB", NULL }, { "64mb", "64MiB", NULL }, { "16M", "16MiB", "16m" }, { "1G", "1GiB", NULL },
		{ "16mib", "16MiB", NULL }, { "64 KiB", "64KiB", NULL }, { "1.5GiB", "1536MiB", NULL },
		{ "67108864", "64MiB", NULL }, { "100 bytes", "100B", NULL }, { "0.3K", NULL, NULL },
		{ "5S", NULL, "5s" }, { "30sec", NULL, "30s" }, { "10min", NULL, "10m" }, { "1h30m", NULL, "90m" },
		{ "1.5s", NULL, "1500ms" }, { "1d", NULL, "24h" }, { "25", "25B", "25s" }, { "5 minutes", NULL, "5m" },
		{ "0.0001s", NULL, NULL }, { "soon", NULL, NULL }, { "", NULL, NULL }, { "-1MB", NULL, NULL },
		{ "1e3MB", NULL, NULL }, { "1.2.3MB", NULL, NULL }, { "5s5", NULL, "10s" }, { "1MB2", NULL, NULL },
		{ "99999999999999999999MB", NULL, NULL }, { "9999999999d9999999999d", NULL, NULL },
		{ ".", NULL, NULL }, { " ", NULL, NULL }, { "1h ", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(guesses); i++) {
		struct duration d = DURATION_MS(7);
		uint64_t size = 7;
		char text[VALUE_TEXT_SIZE] = "";
		if (value_size_guess(guesses[i].text, &size))
			value_size_print(size, text);
		assert_string_equal(text, guesses[i].size ? guesses[i].size : "");
		text[0] = '\0';
		if (value_duration_guess(guesses[i].text, &d))
			value_duration_print(d, text);
		assert_string_equal(text, guesses[i].duration ? guesses[i].duration : "");
	}
}

static void test_durations(void **state)
{
	static const struct reading readings[] = {
		{ "0s", NULL, 0 },
		{ "250ms", NULL, 250000000 },
		{ "5s", NULL, UINT64_C(5000000000) },
		{ "2m", NULL, UINT64_C(120000000000) },
		{ "1h", NULL, UINT64_C(3600000000000) },
		{ "2562047h", NULL, UINT64_C(9223369200000000000) },
		{ "2562048h", "is too large", 7000000 },
		{ "5", "has no unit", 7000000 },
		{ "1.5s", "has an unknown unit", 7000000 },
		{ "1h30m", "has an unknown unit", 7000000 },
		{ "5S", "has an unknown unit", 7000000 },
		{ "soon", "does not begin with a number", 7000000 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(readings); i++) {
		struct duration d = DURATION_MS(7), again;
		char text[VALUE_TEXT_SIZE];
		assert_wrong(readings[i].text, value_duration(readings[i].text, &d), readings[i].wrong);
		assert_int_equal(d.ns, readings[i].value);
		value_duration_print(d, text);
		assert_null(value_duration(text, &again));
		assert_int_equal(again.ns, d.ns);
	}
}

static void test_counts_and_bools(void **state)
{
	uint64_t n = 7;
	bool yes = false;

	(void)state;
	assert_null(value_count("18446744073709551615", &n));
	assert_true(n == UINT64_MAX);
	assert_string_equal(value_count("18446744073709551616", &n), "is too large");
	assert_string_equal(value_count("", &n), "is not a whole number");
	assert_string_equal(value_count("1e3", &n), "is not a whole number");
	assert_string_equal(value_count("+1", &n), "is not a whole number");
	for (size_t i = 0; i < 3; i++) {
		assert_null(value_bool(((const char *[]){ "true", "yes", "on" })[i], &yes));
		assert_true(yes);
		assert_null(value_bool(((const char *[]){ "false", "no", "off" })[i], &yes));
		assert_false(yes);
	}
	assert_string_equal(value_bool("1", &yes), "is neither true nor false");
	assert_string_equal(value_bool("True", &yes), "is neither true nor false");
}

static void test_addresses(void **state)
{
	static const struct reading readings[] = {
		{ "localhost:80", NULL },
		{ ":9464", NULL },
		{ ":0", NULL },
		{ "127.0.0.1:65535", NULL },
		{ "[::1]:80", NULL },
		{ "my_host-1.ns.svc:1", NULL },
		{ "unix:/run/a", NULL },
		{ "unix:run/a", "has no absolute path after unix:" },
		{ "unix:", "has no absolute path after unix:" },
		{ "localhost", "has no port" },
		{ "", "has no port" },
		{ "a:65536", "has no port between 0 and 65535" },
		{ "a:", "has no port between 0 and 65535" },
		{ "a:b", "has no port between 0 and 65535" },
		{ "a/b:1", "has a host that is neither a name nor an address" },
		{ "::1:80", "has a host that is neither a name nor an address" },
		{ "[x]:80", "has a host that is neither a name nor an address" },
		{ "[]:80", "has a host that is neither a name nor an address" },
		{ "http://a:80", "has a host that is neither a name nor an address" },
		{ "a b:80", "has a host that is neither a name nor an address" },
	};
	char longest[5 + 108 + 1] = "unix:/";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(readings); i++)
		assert_wrong(readings[i].text, value_address(readings[i].text), readings[i].wrong);
	memset(longest + 6, 'a', 106);
	assert_null(value_address(longest));
	longest[112] = 'a';
	assert_string_equal(value_address(longest), "has a path longer than a socket address holds (107 bytes)");
}

static void test_own_addresses(void **state)
{
	static const char name[] =
		"has a host name; the agent can listen only on an IP address of this machine, or on localhost";
	static const struct reading readings[] = {
		{ "localhost:80", NULL },
		{ ":9464", NULL },
		{ "127.0.0.1:65535", NULL },
		{ "[::1]:80", NULL },
		{ "unix:/run/a", NULL },
		{ "a:80", name },
		{ "127.0.0.1.2:80", name },
		{ "[1:2]:80", name },
		{ "my-app.my-namespace.svc.cluster.local.and.so.on.and.on:80", name },
		{ "localhost", "has no port" },
		{ "unix:run/a", "has no absolute path after unix:" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(readings); i++)
		assert_wrong(readings[i].text, value_own_address(readings[i].text), readings[i].wrong);
}

static void test_addresses_that_meet(void **state)
{
	static const struct { const char *a, *b; bool meet; } pairs[] = {
		{ ":4318", "127.0.0.1:4318", true }, { ":4318", ":4319", false }, { ":0", ":0", false },
		{ "0.0.0.0:80", "127.0.0.1:80", true }, { "0.0.0.0:80", "[::1]:80", false },
		{ "[::]:80", "127.0.0.1:80", true }, { "[::]:80", "0.0.0.0:80", true }, { "[::]:80", "[::1]:80", true },
		{ "localhost:80", "127.0.0.1:80", true }, { "127.0.0.1:80", "127.0.0.2:80", false },
		{ "[::1]:80", "[0:0::1]:80", true }, { "[::1]:80", "127.0.0.1:80", false },
		{ "10.0.0.1:080", "10.0.0.1:80", true }, { ":80", "unix:/80", false },
		{ "unix:/run/a.sock", "unix:/run/a.sock", true }, { "unix:/run/a.sock", "unix:/run/b.sock", false },
		{ "unix:/run//a.sock", "unix:/run/./a.sock", true }, { "unix:/run/a", "unix:/run/a.sock", false },
		{ "unix:/run/.a", "unix:/run/a", false }, { "unix:/run/..a", "unix:/run/.a", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(pairs); i++)
		if (value_addresses_meet(pairs[i].a, pairs[i].b) != pairs[i].meet ||
			value_addresses_meet(pairs[i].b, pairs[i].a) != pairs[i].meet)
			fail_msg("%s and %s", pairs[i].a, pairs[i].b);
}

static void test_addresses_of_this_machine_alone(void **state)
{
	static const char *const local[] = { "unix:/a", "127.0.0.1:1", "127.8.0.1:1", "localhost:1", "[::1]:1" };
	static const char *const open[] = { ":1", "0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[fe80::1]:1", "128.0.0.1:1" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(local); i++)
		assert_true(value_address_is_local(local[i]));
	for (size_t i = 0; i < COUNT_OF(open); i++)
		assert_false(value_address_is_local(open[i]));
}

static void test_urls(void **state)
{
	static const char *const http[] = { "http", "https", NULL };
	static const struct reading readings[] = {
		{ "http://a", NULL },
		{ "https://u:p@a:1/x?y#z", NULL },
		{ "redis://a", "has the wrong scheme" },
		{ "a:80", "has the wrong scheme" },
		{ "a", "has no scheme" },
		{ "", "has no scheme" },
		{ "HTTP://a", "has no scheme" },
		{ "http:a", "has no host" },
		{ "http://", "has no host" },
		{ "http:///x", "has no host" },
		{ "http://u@", "has no host" },
		{ "http://u:p@/x", "has no host" },
		{ "http://a b", "has a character that a URL cannot hold" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(readings); i++)
		assert_wrong(readings[i].text, value_url(readings[i].text, http), readings[i].wrong);
	assert_null(value_url("redis://a", NULL));
	assert_null(value_url("unix:/run/a", NULL));
	assert_string_equal(value_url("unix:a", NULL), "has no absolute path after unix:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes), cmocka_unit_test(test_guesses), cmocka_unit_test(test_durations),
		cmocka_unit_test(test_counts_and_bools),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_own_addresses),
		cmocka_unit_test(test_addresses_that_meet),
		cmocka_unit_test(test_addresses_of_this_machine_alone),
		cmocka_unit_test(test_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
