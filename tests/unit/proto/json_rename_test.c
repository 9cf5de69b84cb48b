/*
 * A member by another name: only on its path, only as a name, all else to the byte as it was.
 */
#include "unit/unit.h"

#include <errno.h>
#include <string.h>

#include "proto/json_rename.h"

static const struct {
	const char *line, *from, *to;
	int result;
	const char *renamed;
} cases[] = {
	{ "{\"code\":\"x\",\"n\":1}", "code", "code_text", 1, "{\"code_text\":\"x\",\"n\":1}" },
	{ " { \"n\" : 1 , \"code\" : {\"code\":1} } ", "code", "c", 1, " { \"n\" : 1 , \"c\" : {\"code\":1} } " },
	{ "{\"a\":\"code\",\"b\":{\"code\":1}}", "code", "c", 0, "" },
	{ "{\"a.b\":1}", "a.b", "c", 1, "{\"c\":1}" },
	{ "{\"a\":1,\"a\":2}", "a", "b", 1, "{\"b\":1,\"b\":2}" },
	{ "{\"a\":1}", "a", "q\"\\\n", 1, "{\"q\\\"\\\\\\n\":1}" },
	{ "{\"\\u0061\":1}", "a", "b", 0, "" },
	{ "{\"a\":1,\"b\":2}", "a", "b", -EEXIST, "" },
	{ "{\"b\":2}", "a", "b", 0, "" },
	{ "{\"b\":{\"x\":0,\"a\":1},\"a\":2}", "b.a", "b.c", 1, "{\"b\":{\"x\":0,\"c\":1},\"a\":2}" },
	{ "{\"a\":{\"b\":{\"c\":[1,{\"c\":2}]},\"c\":3}}", "a.b.c", "a.b.d", 1,
		"{\"a\":{\"b\":{\"d\":[1,{\"c\":2}]},\"c\":3}}" },
	{ "{\"a\":{\"b.c\":1},\"a.b\":{\"c\":2},\"a.b.c\":3}", "a.b.c", "a.b.c_text", 1,
		"{\"a\":{\"b.c_text\":1},\"a.b\":{\"c_text\":2},\"a.b.c_text\":3}" },
	{ "{\"a\":[{\"b\":1},[{\"b\":2}],\"b\",{\"b\":{\"b\":3}}],\"b\":4}", "a.b", "a.x", 1,
		"{\"a\":[{\"x\":1},[{\"x\":2}],\"b\",{\"x\":{\"b\":3}}],\"b\":4}" },
	{ "{\"a\":{\"b\":1}}", "a.b", "a.b.text", 1, "{\"a\":{\"b.text\":1}}" },
	{ "{\"a\":{\"b\":1}}", "a", "x", 1, "{\"x\":{\"b\":1}}" },
	{ "{\"a\":{\"b\":1,\"c\":2}}", "a.b", "a.c", -EEXIST, "" },
	{ "{\"a\":{\"b\":1}}", "a.b", "c", -EXDEV, "" },
	{ "{\"a\":{\"b\":1}}", "a.b", "a.", -EXDEV, "" },
	{ "{\"a.b\":1}", "a.b", "c", 1, "{\"c\":1}" },
	{ "{\"a\":1,\"ab\":{\"b\":1}}", "a.b", "a.c", 0, "" },
	{ "{\"a\":\"b\",\"x\":{\"a\":{\"b\":1}}}", "a.b", "a.c", 0, "" },
	{ "{}", "a", "b", 0, "" },
	{ "{\"a\":1", "a", "b", -EBADMSG, "" },
	{ "[1]", "a", "b", -EBADMSG, "" },
	{ "", "a", "b", -EBADMSG, "" },
};

static void test_names(void **state)
{
	struct buffer out;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		buffer_init(&out, 1000);
		assert_int_equal(
			json_rename(bytes_of(cases[i].line), cases[i].from, cases[i].to, &out), cases[i].result);
		assert_true(bytes_are(buffer_bytes(&out), cases[i].renamed));
		buffer_done(&out);
	}
}

static void test_without_room_nothing_is_appended(void **state)
{
	const char *whole = cases[0].renamed;
	struct buffer out;

	(void)state;
	for (size_t ceiling = 1; ceiling < strlen(whole); ceiling++) {
		buffer_init(&out, ceiling);
		assert_int_equal(json_rename(bytes_of(cases[0].line), cases[0].from, cases[0].to, &out), -ENOSPC);
		assert_int_equal(out.size, 0);
		buffer_done(&out);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_without_room_nothing_is_appended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
