/*
 * What an answer says: the words that people need, from whoever answers, in one line and within its room.
 */
#include "unit/unit.h"

#include <stdlib.h>

#include "proto/said.h"

enum { ROOM = 120 };
#define PROTOBUF "application/x-protobuf"
#define JSON "application/json"
#define ANSWER(type, body, said)                  \
	{                                         \
		type, body, sizeof body - 1, said \
	}

static const struct {
	const char *type, *body;
	size_t size;
	const char *said;
} answers[] = {
	/* google.rpc.Status */
	ANSWER(PROTOBUF, "\x08\x03\x12\x10span 7: no trace", "span 7: no trace"),
	ANSWER(PROTOBUF, "\x12\x04late", "late"),
	ANSWER(PROTOBUF, "\x12\x0ftwo\nlines\x1b[31m\x07", "two lines [31m"),
	ANSWER("", "\x08\x03\x12\x04late", "late"),
	ANSWER("application/octet-stream", "\x12\x04late", "late"),
	ANSWER(PROTOBUF, "\x08\x03", ""),
	ANSWER(PROTOBUF, "\x08\x03\x12\x7flate", ""),
	ANSWER(PROTOBUF, "plain words all the same", "plain words all the same"),
	ANSWER(PROTOBUF, "{\"code\":3,\"message\":\"JSON all the same\"}", "JSON all the same"),
	ANSWER(JSON, "{\"code\":3,\"message\":\"bad \\\"id\\\"\\n\\u0007\",\"details\":[]}", "bad \"id\""),
	/* Elasticsearch, OpenSearch */
	ANSWER(JSON,
		"{\"error\":{\"root_cause\":[{\"type\":\"t\",\"reason\":\"r\"}],\"type\":\"t\","
		"\"reason\":\"r\"},\"status\":400}",
		"t: r"),
	ANSWER(JSON,
		"{\"error\":{\"root_cause\":[{\"type\":\"u\",\"reason\":\"deep\"}],\"type\":\"t\","
		"\"reason\":\"r\\n\"}}",
		"t: r; root cause u: deep"),
	ANSWER("application/vnd.elasticsearch+json;compatible-with=8",
		"{\"error\":{\"type\":\"t\",\"reason\":\"r\",\"caused_by\":{\"type\":\"u\",\"reason\":\"mid\","
		"\"caused_by\":"
		"{\"type\":\"v\",\"reason\":\"bottom\"}}}}",
		"t: r; caused by v: bottom"),
	ANSWER(JSON, "{\"error\":\"no handler found\",\"status\":405}", "no handler found"),
	/* others */
	ANSWER("application/problem+json", "{\"title\":\"Forbidden\",\"detail\":\"rule 7\"}", "rule 7"),
	ANSWER(JSON, "{\"message\":\"no Route matched\"}", "no Route matched"),
	ANSWER(JSON, "[{\"message\":\"in an array\"}]", "in an array"),
	ANSWER(JSON, "{\"what\":[1]}", "{\"what\":[1]}"),
	ANSWER(JSON, "{\"message\":\"cut sho", "{\"message\":\"cut sho"),
	ANSWER("text/html; charset=utf-8",
		"<!DOCTYPE html><!-- <b>x</b> --><style>p{}</style><SCRIPT>a<b</SCRIPT><h1>403\n"
		"Forbidden</h1>\r\n<p>Rule&nbsp;7 &amp; <b>others</b>&copy;",
		"403 Forbidden Rule 7 & others &copy;"),
	ANSWER("", " \r\n<html><body>Log in</body>", "Log in"),
	ANSWER("text/html", "<script>never ends", ""),
	ANSWER("text/plain", "  upstream \t connect\r\n\r\nerror\x1b[0m \xe4 \xc3\xa4 \xe2\x80\xaegnp  ",
		"upstream connect error [0m ? \xc3\xa4    gnp"),
	ANSWER("text/plain", "a < b & c", "a < b & c"),
	ANSWER("text/plain", "\x00\x01\x02", ""),
	ANSWER("image/png", "\x89PNG\r\n\x1a\n", ""),
	ANSWER("text/plain", "", ""),
	ANSWER("text/plain", " \n ", ""),
};

static void answers_say_what_people_need(void **state)
{
	char said[ROOM];

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct bytes body = { answers[i].body, answers[i].size };
		bool any = said_read(answers[i].type, body, said, sizeof said);
		if (strcmp(said, answers[i].said) != 0)
			fail_msg("%s: \"%s\" says \"%s\", not \"%s\"", answers[i].type, answers[i].body, said,
				answers[i].said);
		assert_int_equal(any, *said != '\0');
	}
}

/* However long and whatever the room. */
static void the_room_is_kept(void **state)
{
	static const char *const starts[] = { "", "<p>", "{\"message\":\"", "\x12\x7f" };
	size_t size = 1 << 20;
	char *body = malloc(size), said[ROOM];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (size_t room = 1; room < 110; room++) {
			memset(body, 'w', size);
			memcpy(body, starts[i], strlen(starts[i]));
			memcpy(body + 127, "\"}", 2);
			memset(said, 'x', sizeof said);
			said_read(i == 3 ? PROTOBUF : "", (struct bytes){ body, i < 2 ? size : 129 }, said, room);
			assert_true(strlen(said) < room);
			assert_int_equal(said[room], 'x');
			assert_true(room < 3 || strlen(said) >= room - 2);
		}
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_say_what_people_need),
		cmocka_unit_test(the_room_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
