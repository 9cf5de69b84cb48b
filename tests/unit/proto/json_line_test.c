/*
 * The JSON line index: what is accepted and refused, by every scanner, at every alignment, whatever stands behind
 * the line.
 */
#include "unit/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "proto/json_line.h"

enum { ROOM = 4096 };

static const char *const accepted[] = {
	"{}",
	" { } ",
	"\t{\r\n}\n",
	"{\"\":\"\"}",
	"{\"a\":0}",
	"{\"a\":-0}",
	"{\"a\":-0.0e-0}",
	"{\"a\":1E9}",
	"{\"a\":10.25e+3}",
	"{\"a\":true,\"b\":false,\"c\":null}",
	"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"}",
	"{\"a\":\"\\ud800\"}",
	"{\"a\":[]}",
	"{\"a\":[1,[2,{\"b\":[{}]}],\"]\"]}",
	"{\"a\":{\"b\":{\"c\":{}}},\"d\":[[],[]]}",
	"{\"a\":1,\"a\":2}",
	"{\"\xc3\xbc\":\"\xe6\x97\xa5\xf0\x9f\x98\x80\"}",
	"{\"a\":\"\x7f\"}",
	"{ \"a\" : [ 1 , 2 ] , \"b\" : { \"c\" : 3 } }",
};

static const struct {
	const char *line;
	enum json_fault fault;
} refused[] = {
	{ "", JSON_NOT_OBJECT },
	{ "   ", JSON_NOT_OBJECT },
	{ "[1]", JSON_NOT_OBJECT },
	{ "\"a\"", JSON_NOT_OBJECT },
	{ "plain text", JSON_NOT_OBJECT },
	{ "\xef\xbb\xbf{}", JSON_NOT_OBJECT },
	{ "{", JSON_CUT },
	{ "{\"a", JSON_CUT },
	{ "{\"a\"", JSON_CUT },
	{ "{\"a\":", JSON_CUT },
	{ "{\"a\":1", JSON_CUT },
	{ "{\"a\":[1", JSON_CUT },
	{ "{\"a\":1,", JSON_CUT },
	{ "{\"a\":\"\\", JSON_CUT },
	{ "{\"a\":1,}", JSON_SYNTAX },
	{ "{,}", JSON_SYNTAX },
	{ "{a:1}", JSON_SYNTAX },
	{ "{'a':1}", JSON_SYNTAX },
	{ "{\"a\" 1}", JSON_SYNTAX },
	{ "{\"a\":1 \"b\":2}", JSON_SYNTAX },
	{ "{\"a\":01}", JSON_SYNTAX },
	{ "{\"a\":+1}", JSON_SYNTAX },
	{ "{\"a\":.5}", JSON_SYNTAX },
	{ "{\"a\":1.}", JSON_SYNTAX },
	{ "{\"a\":1e}", JSON_SYNTAX },
	{ "{\"a\":-}", JSON_SYNTAX },
	{ "{\"a\":0x1}", JSON_SYNTAX },
	{ "{\"a\":NaN}", JSON_SYNTAX },
	{ "{\"a\":tru}", JSON_SYNTAX },
	{ "{\"a\":True}", JSON_SYNTAX },
	{ "{\"a\":\"\\x\"}", JSON_SYNTAX },
	{ "{\"a\":\"\\u12g4\"}", JSON_SYNTAX },
	{ "{\"a\":[1,]}", JSON_SYNTAX },
	{ "{\"a\":[}", JSON_SYNTAX },
	{ "{\"a\":[1}", JSON_SYNTAX },
	{ "{\"a\":{]}", JSON_SYNTAX },
	{ "{\"a\":{\"b\"}}", JSON_SYNTAX },
	{ "{\"a\":[1 2]}", JSON_SYNTAX },
	{ "{\"a\":\"\t\"}", JSON_CONTROL },
	{ "{\"a\":\"\x01\"}", JSON_CONTROL },
	{ "{}}", JSON_TRAILING },
	{ "{} x", JSON_TRAILING },
	{ "{}{}", JSON_TRAILING },
	{ "{\"a\":\"\xff\"}", JSON_UTF8 },
	{ "{\"a\":\"\xc0\x80\"}", JSON_UTF8 },
	{ "{\"a\":\"\xed\xa0\x80\"}", JSON_UTF8 },
	{ "{\"a\":\"\xf4\x90\x80\x80\"}", JSON_UTF8 },
	{ "{\"a\":\"\xe6\x97\"}", JSON_UTF8 },
};

/* The line at that alignment, with that byte all around it. */
static enum json_fault index_at(const struct json_scan *scan, const char *text, size_t align, char around)
{
	char room[ROOM];
	struct json_line line;

	memset(room, around, sizeof room);
	memcpy(room + align, text, strlen(text));
	return json_line_index(scan, room + align, strlen(text), &line);
}

static void each_scanner(void (*check)(const struct json_scan *, size_t align, char around))
{
	static const char around[] = { 0, '"', '\\', '}', ' ', 'x' };

	for (const struct json_scan *scan = json_scans; scan->name; scan++)
		for (size_t i = 0; json_scan_runs(scan) && i < 33 * sizeof around; i++)
			check(scan, i / sizeof around, around[i % sizeof around]);
}

static void check_accepted(const struct json_scan *scan, size_t align, char around)
{
	for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
		assert_int_equal(index_at(scan, accepted[i], align, around), JSON_FINE);
}

static void check_refused(const struct json_scan *scan, size_t align, char around)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		assert_int_equal(index_at(scan, refused[i].line, align, around), refused[i].fault);
}

static void accepts_every_object(void **state)
{
	(void)state;
	each_scanner(check_accepted);
}

static void refuses_everything_else(void **state)
{
	(void)state;
	each_scanner(check_refused);
}

static void members_are_where_they_stand(void **state)
{
	static const char text[] =
		"{\"level\" : \"in\\\"fo\", \"n\":-1.5,\"o\":{\"x\":[1]} ,\"t\\u0065\":true,\"a\":[ ]}"
		"          "
		"                                                                ";
	static const struct {
		const char *name, *value;
		int kind;
		bool escaped;
	} wanted[] = {
		{ "level", "\"in\\\"fo\"", MEMBER_STRING, false },
		{ "n", "-1.5", MEMBER_NUMBER, false },
		{ "o", "{\"x\":[1]}", MEMBER_OBJECT, false },
		{ "t\\u0065", "true", MEMBER_TRUE, true },
		{ "a", "[ ]", MEMBER_ARRAY, false },
	};
	struct json_line line;

	(void)state;
	assert_int_equal(json_line_index(json_scan_best(), text, sizeof text - 65, &line), JSON_FINE);
	assert_int_equal(line.count, 5);
	for (size_t i = 0; i < line.count; i++) {
		const struct json_member *m = &line.members[i];
		assert_int_equal(m->name_size, strlen(wanted[i].name));
		assert_memory_equal(text + m->name, wanted[i].name, m->name_size);
		assert_int_equal(m->value_size, strlen(wanted[i].value));
		assert_memory_equal(text + m->value, wanted[i].value, m->value_size);
		assert_int_equal(m->kind, wanted[i].kind);
		assert_int_equal(m->name_escaped, wanted[i].escaped);
	}
}

static enum json_fault index_built(const char *start, const char *middle, const char *end, size_t times)
{
	size_t size = strlen(start) + times * strlen(middle) + strlen(end), at = strlen(start);
	char *text = malloc(size + JSON_LINE_PADDING);
	struct json_line line;
	enum json_fault fault;

	memcpy(text, start, at);
	for (size_t i = 0; i < times; i++, at += strlen(middle))
		memcpy(text + at, middle, strlen(middle));
	memcpy(text + at, end, strlen(end));
	fault = json_line_index(json_scan_best(), text, size, &line);
	assert_true(line.count <= JSON_MEMBERS_MAX);
	free(text);
	return fault;
}

static void sizes_and_depths(void **state)
{
	(void)state;
	assert_int_equal(index_built("{\"a\":\"", "x", "\"}", 10 << 20), JSON_FINE);
	assert_int_equal(index_built("{\"a\":\"", "\\n", "\"}", 1 << 20), JSON_FINE);
	assert_int_equal(index_built("{\"a\":", "[", "", 10000), JSON_DEEP);
	assert_int_equal(index_built("{\"a\":", "{\"a\":", "", 10000), JSON_DEEP);
	assert_int_equal(index_built("{\"a\":", "[[[[[[[", "]]]]]]]}", 1), JSON_FINE);
	assert_int_equal(index_built("{", "\"k\":1,", "\"last\":2}", 1000), JSON_FINE);
	assert_int_equal(index_built("{", "\"k\":1,", "\"last\":2", 1000), JSON_CUT);
}

static void members_beyond_the_ceiling_are_checked(void **state)
{
	static const char member[] = "\"k\":1,";
	char text[ROOM] = "{";
	struct json_line line;

	(void)state;
	for (int i = 0; i < JSON_MEMBERS_MAX + 5; i++)
		memcpy(text + strlen(text), member, sizeof member);
	text[strlen(text) - 1] = '}';
	assert_int_equal(json_line_index(json_scan_best(), text, strlen(text), &line), JSON_FINE);
	assert_int_equal(line.count, JSON_MEMBERS_MAX);
	assert_true(line.more);
	text[strlen(text) - 2] = 'x';
	assert_int_equal(json_line_index(json_scan_best(), text, strlen(text), &line), JSON_SYNTAX);
}

/* Mutations of fine lines: what is accepted and refused is what jansson accepts and refuses. */
static void agrees_with_jansson(void **state)
{
	static const char alphabet[] = "{}[]\",:\\0123456789.eE+-truefalsn \xc3\xbc";
	struct random random;
	size_t both = 0;

	(void)state;
	random_seed(&random, 11);
	for (int round = 0; round < 20000; round++) {
		char text[ROOM] = "";
		struct json_line line;
		json_t *decoded;
		snprintf(text, sizeof text, "%s", accepted[random_below(&random, sizeof accepted / sizeof *accepted)]);
		for (uint64_t n = random_below(&random, 3); n > 0; n--)
			text[random_below(&random, strlen(text))] =
				alphabet[random_below(&random, sizeof alphabet - 1)];
		decoded = json_loadb(text, strlen(text), 0, NULL);
		if (strstr(text, "\\u") == NULL && !strpbrk(text, "eE"))
			assert_int_equal(json_line_index(json_scan_best(), text, strlen(text), &line) == JSON_FINE,
				decoded && json_is_object(decoded));
		both += decoded != NULL;
		json_decref(decoded);
	}
	assert_true(both > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_every_object),
		cmocka_unit_test(refuses_everything_else),
		cmocka_unit_test(members_are_where_they_stand),
		cmocka_unit_test(sizes_and_depths),
		cmocka_unit_test(members_beyond_the_ceiling_are_checked),
		cmocka_unit_test(agrees_with_jansson),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
