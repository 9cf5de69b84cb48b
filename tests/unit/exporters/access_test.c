/*
 * Which options of authentication and TLS go together, and what the index template says.
 */
#include "unit/unit.h"

#include <string.h>

#include "access/access.h"
#include "exporters/template.h"

#define HEADERS(...)                                                                                               \
	&(const struct option_map)                                                                                 \
	{                                                                                                          \
		sizeof((struct option_pair[]){ __VA_ARGS__ }) / sizeof(struct option_pair), (struct option_pair[]) \
		{                                                                                                  \
			__VA_ARGS__                                                                                \
		}                                                                                                  \
	}

static const struct {
	struct access_config config;
	const char *word; /* NULL: fine */
} cases[] = {
	{ { .verify = true }, NULL },
	{ { .verify = true, .user = "u", .password = "p:w" }, NULL },
	{ { .verify = true, .user = "u" }, NULL },
	{ { .verify = true, .api_key = "abc=" }, NULL },
	{ { .verify = true, .bearer = "abc.def" }, NULL },
	{ { .verify = true, .ca = "/ca", .cert = "/cert", .key = "/key" }, NULL },
	{ { .user = "u", .password = "p" }, NULL },
	{ { .verify = true, .user = "u", .api_key = "k" }, "three ways" },
	{ { .verify = true, .user = "u", .bearer = "k" }, "three ways" },
	{ { .verify = true, .bearer = "b", .api_key = "k" }, "three ways" },
	{ { .verify = true, .password = "p" }, "without user" },
	{ { .verify = true, .password = "p", .bearer = "b" }, "without user" },
	{ { .verify = true, .user = "a:b" }, "colon" },
	{ { .verify = true, .api_key = "" }, "api_key" },
	{ { .verify = true, .api_key = "a\r\nX-Other: b" }, "api_key" },
	{ { .verify = true, .bearer = "a b" }, "bearer" },
	{ { .verify = true, .bearer = "a\n" }, "bearer" },
	{ { .verify = true, .cert = "/cert" }, "go together" },
	{ { .verify = true, .key = "/key" }, "go together" },
	{ { .ca = "/ca" }, "anyone" },
	{ { .verify = true, .headers = HEADERS({ "X-Scope-OrgID", "a b" }, { "api-key", "k" }) }, NULL },
	{ { .verify = true, .headers = HEADERS({ "Authorization", "Basic abc=" }) }, NULL },
	{ { .verify = true, .bearer = "b", .headers = HEADERS({ "authorization", "Basic abc=" }) }, "beside" },
	{ { .verify = true, .headers = HEADERS({ "", "a" }) }, "name" },
	{ { .verify = true, .headers = HEADERS({ "a b", "a" }) }, "name" },
	{ { .verify = true, .headers = HEADERS({ "a:", "a" }) }, "name" },
	{ { .verify = true, .headers = HEADERS({ "content-length", "1" }) }, "itself" },
	{ { .verify = true, .headers = HEADERS({ "GRPC-Timeout", "1S" }) }, "itself" },
	{ { .verify = true, .headers = HEADERS({ "a", "" }) }, "value" },
	{ { .verify = true, .headers = HEADERS({ "a", " b" }) }, "value" },
	{ { .verify = true, .headers = HEADERS({ "a", "b\r\nX-Other: c" }) }, "value" },
};

static void options_together(void **state)
{
	char why[256];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		why[0] = '\0';
		assert_int_equal(access_check(&cases[i].config, why, sizeof why), !cases[i].word);
		if (cases[i].word && !strstr(why, cases[i].word))
			fail_msg("case %zu: %s", i, why);
		assert_null(strstr(why, "X-Other"));
	}
}

static void the_body_of_a_template(void **state)
{
	struct buffer plain, stream;

	(void)state;
	buffer_init(&plain, 4096);
	buffer_init(&stream, 4096);
	assert_int_equal(template_body("logs-%{+yyyy.MM.dd}", false, &plain), 0);
	assert_int_equal(template_body("logs-app-default", true, &stream), 0);
	assert_non_null(memmem(plain.data, plain.size, "{\"index_patterns\":[\"logs-*.*.*\"],\"priority\"", 43));
	assert_null(memmem(plain.data, plain.size, "data_stream", 11));
	assert_non_null(memmem(stream.data, stream.size, "[\"logs-app-default\"],\"data_stream\":{},", 38));
	buffer_done(&plain);
	buffer_done(&stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_together),
		cmocka_unit_test(the_body_of_a_template),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
