/*
 * What a peer says of who we are is taken out of what it says, in each shape and wherever it was cut.
 */
#include "base/hidden.h"

#include <stdio.h>
#include <string.h>

#include "unit/unit.h"

#define TOKEN "c2VjcmV0OnRva2VuMTIz"

static const struct {
	const char *url, *user, *token;
	const char *said, *left;
} rows[] = {
	{ NULL, NULL, TOKEN, "no: ApiKey " TOKEN " is expired, " TOKEN, "no: ApiKey *** is expired, ***" },
	{ NULL, NULL, TOKEN, "no: ApiKey c2VjcmV0On", "no: ApiKey ***" }, /* cut at the end */
	{ NULL, NULL, TOKEN, "no: c2VjcmV0On: x", "no: ***: x" }, /* and before something else */
	{ NULL, NULL, TOKEN, "no: ApiKey c2Vj", "no: ApiKey ***" },
	{ NULL, NULL, TOKEN, "a c2Vj b", "a c2Vj b" }, /* a word of four letters is none of ours */
	{ NULL, NULL, TOKEN, TOKEN TOKEN, "******" },
	{ NULL, NULL, TOKEN, "", "" },
	{ NULL, NULL, "abcd", "xabcdabcdx abc", "x******x abc" },
	{ NULL, NULL, "abc", "abc", "abc" }, /* three letters are in too many words */
	{ NULL, NULL, "a\"b\\c-long", "{\"r\":\"a\\\"b\\\\c-long\"} a\"b\\c-long", "{\"r\":\"***\"} ***" },
	{ NULL, "app:s3cret-Words", NULL, "Basic YXBwOnMzY3JldC1Xb3Jkcw==, s3cret-Words", "Basic ***, ***" },
	{ NULL, "app:", NULL, "Basic YXBwOg== app", "Basic *** app" },
	{ "http://app:s3cret%2dWords@x:1/y", NULL, NULL, "YXBwOnMzY3JldC1Xb3Jkcw== s3cret%2dWords s3cret-Words x:1",
		"*** *** *** x:1" },
	{ "http://x/y?a=1&token=abcdefgh12#z", NULL, NULL, "no /y?a=1&token=abcdefgh12", "no /y?a=1&token=***" },
	{ "http://x/y", NULL, NULL, "http://x/y", "http://x/y" },
	{ "unix:/run/x", NULL, NULL, "unix:/run/x", "unix:/run/x" },
};

static void each_shape_is_taken_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hidden h;
		char text[128];
		hidden_init(&h);
		if (rows[i].url)
			assert_int_equal(hidden_add_url(&h, rows[i].url), 0);
		if (rows[i].user)
			assert_int_equal(hidden_add_user(&h, rows[i].user), 0);
		if (rows[i].token)
			assert_int_equal(hidden_add(&h, bytes_of(rows[i].token)), 0);
		snprintf(text, sizeof text, "%s", rows[i].said);
		hidden_take_out(&h, text);
		if (strcmp(text, rows[i].left) != 0)
			fail_msg("row %zu: %s", i, text);
		hidden_done(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_shape_is_taken_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
