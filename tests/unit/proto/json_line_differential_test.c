/*
 * The JSON line index against jansson: lines picked by hand for each rule of RFC 8259 and RFC 3629, and lines that a
 * seeded generator made and damaged. OXP_SEED and OXP_LINES choose others, and more of them.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "unit/json_twin.h"

enum { LINE_ROOM = 4096, DEPTH = 5 };

static const char *const picked[] = {
	/* numbers */
	"{\"a\":0}",
	"{\"a\":-0}",
	"{\"a\":01}",
	"{\"a\":-}",
	"{\"a\":1.}",
	"{\"a\":.5}",
	"{\"a\":1.5e}",
	"{\"a\":1e5}",
	"{\"a\":1E+05}",
	"{\"a\":1e-0}",
	"{\"a\":+1}",
	"{\"a\":0x1}",
	"{\"a\":1e999}",
	"{\"a\":123456789012345678901234}",
	"{\"a\":0.1e1}",
	"{\"a\":1 2}",
	"{\"a\":--1}",
	"{\"a\":-01}",
	"{\"a\":1.e1}",
	"{\"a\":Infinity}",
	"{\"a\":NaN}",
	"{\"a\":1a}",
	/* words */
	"{\"a\":true}",
	"{\"a\":True}",
	"{\"a\":tru}",
	"{\"a\":truee}",
	"{\"a\":null}",
	"{\"a\":nul}",
	"{\"a\":false}",
	/* strings */
	"{\"a\":\"\"}",
	"{\"a\":\"\\\"\"}",
	"{\"a\":\"\\\\\"}",
	"{\"a\":\"\\/\\b\\f\\n\\r\\t\"}",
	"{\"a\":\"\\x\"}",
	"{\"a\":\"\\\"}",
	"{\"a\":\"\\u12\"}",
	"{\"a\":\"\\u12G4\"}",
	"{\"a\":\"\\u00e4\"}",
	"{\"a\":\"\\ud83d\\ude00\"}",
	"{\"a\":\"\\ud83d\"}",
	"{\"a\":\"\\ude00\\ud83d\"}",
	"{\"a\":\"\\u0000\"}",
	"{\"a\\u0000\":1}",
	"{\"a\":\"\t\"}",
	"{\"a\":\"\x1f\"}",
	"{\"a\":\"\x7f\"}",
	"{\"a\":'x'}",
	"{\"a\":\"x}",
	"{a:1}",
	/* UTF-8 */
	"{\"a\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}",
	"{\"a\":\"\xc3\"}",
	"{\"a\":\"\xc0\x80\"}",
	"{\"a\":\"\xc1\xbf\"}",
	"{\"a\":\"\xe0\x80\x80\"}",
	"{\"a\":\"\xe0\x9f\xbf\"}",
	"{\"a\":\"\xed\xa0\x80\"}",
	"{\"a\":\"\xed\x9f\xbf\"}",
	"{\"a\":\"\xf0\x80\x80\x80\"}",
	"{\"a\":\"\xf4\x8f\xbf\xbf\"}",
	"{\"a\":\"\xf4\x90\x80\x80\"}",
	"{\"a\":\"\xf5\x80\x80\x80\"}",
	"{\"a\":\"\x80\"}",
	"{\"a\":\"\xff\"}",
	"{\"\xc3\xa4\":1}",
	"{\"\xc3\":1}",
	"\xef\xbb\xbf{\"a\":1}",
	/* shape */
	"{}",
	" {} ",
	"{ }",
	"{\"a\":1,}",
	"{,}",
	"{\"a\":1,,\"b\":2}",
	"{\"a\"}",
	"{\"a\":}",
	"{\"a\" : 1}",
	"{1:2}",
	"{\"a\":1}{}",
	"{\"a\":1} x",
	"[]",
	"1",
	"\"a\"",
	"",
	" ",
	"{",
	"{\"",
	"{\"a",
	"{\"a\"",
	"{\"a\":",
	"{\"a\":1",
	"{\"a\":[1,]}",
	"{\"a\":[,1]}",
	"{\"a\":[1 2]}",
	"{\"a\":[}",
	"{\"a\":{]}",
	"{\"a\":[]}",
	"{\"a\":{}}",
	"{\"a\":[{\"b\":[[],{}]}]}",
	"{\"a\":1]",
	"{\"a\":1,\"a\":2}",
	"{\"a\":1,\"\\u0061\":2}",
	"{\"\":0}",
	"{\"a\":1}\r",
	"\t{\"a\":1}\n",
	"{\"a\":1}\v",
	"{\"a\":1}//",
	"{\"a\"\n:\r\n1}",
	"{\"a\":1\f}",
};

static void fail_at(const char *line, size_t size, const char *wrong, const struct json_scan *scan)
{
	fail_msg("%s, by %s: %.*s", wrong, scan->name, (int)size, line);
}

/* By every scan. One that says what the scan before it has said is as right. */
static void check(const char *line, size_t size)
{
	struct json_line said[2] = { 0 };
	enum json_fault fault[2] = { JSON_FINE };
	bool any = false;

	for (const struct json_scan *scan = json_scans; scan->name; scan++) {
		const char *wrong;
		if (!json_scan_runs(scan))
			continue;
		fault[1] = json_line_index(scan, line, size, &said[1]);
		if (any && fault[0] == fault[1] && memcmp(&said[0], &said[1], sizeof said[0]) == 0)
			continue;
		wrong = twin_check_index(fault[1], &said[1], line, size);
		if (wrong)
			fail_at(line, size, wrong, scan);
		fault[0] = fault[1];
		said[0] = said[1];
		any = true;
	}
}

static void picked_by_hand(void **state)
{
	char line[LINE_ROOM];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(picked); i++) {
		size_t size = strlen(picked[i]);
		memset(line, '"', sizeof line);
		memcpy(line, picked[i], size);
		check(line, size);
	}
}

/* The generator: text of a few hundred bytes, with what parsers stumble over. */
struct maker {
	struct random random;
	struct buffer text;
};

static uint64_t below(struct maker *m, uint64_t bound)
{
	return random_below(&m->random, bound);
}

static void put(struct maker *m, const char *text)
{
	assert_int_equal(buffer_text(&m->text, text), 0);
}

#define PICK(m, ...) \
	put(m, ((const char *const[]){ __VA_ARGS__ })[below(m, COUNT_OF(((const char *const[]){ __VA_ARGS__ })))])

static void put_space(struct maker *m)
{
	if (below(m, 8) == 0)
		PICK(m, " ", "\t", "\r", "\n", "  \r\n ");
}

static void put_string(struct maker *m)
{
	put(m, "\"");
	for (uint64_t i = below(m, 6); i > 0; i--)
		PICK(m, "a", "level", "message with words, and a few more of them to fill a block", "\\\"", "\\\\",
			"\\n", "\\u0041", "\\u00e4", "\\ud83d\\ude00", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
			"{", "}", "[", "]", ":", ",", " ", "0", "/");
	put(m, "\"");
}

static void put_value(struct maker *m, int depth);

static void put_array(struct maker *m, int depth)
{
	put(m, "[");
	for (uint64_t i = below(m, 4); i > 0; i--) {
		put_value(m, depth + 1);
		put(m, i > 1 ? "," : "");
	}
	put_space(m);
	put(m, "]");
}

static void put_object(struct maker *m, int depth)
{
	put(m, "{");
	put_space(m);
	for (uint64_t i = below(m, depth ? 4 : 12); i > 0; i--) {
		put_string(m);
		put_space(m);
		put(m, ":");
		put_value(m, depth + 1);
		put(m, i > 1 ? "," : "");
	}
	put(m, "}");
}

/* Bounded by DEPTH. */
static void put_value(struct maker *m, int depth)
{
	uint64_t kind = below(m, depth < DEPTH ? 8 : 6);

	put_space(m);
	if (kind < 3)
		put_string(m);
	else if (kind < 5)
		PICK(m, "0", "-1", "17", "3.25", "-0.5e10", "1E-3", "1795409106123", "12345678901234567890");
	else if (kind == 5)
		PICK(m, "true", "false", "null");
	else if (kind == 6)
		put_array(m, depth);
	else
		put_object(m, depth);
	put_space(m);
}

/* Some lines stay whole; others lose, gain or change a few bytes. */
static void damage(struct maker *m)
{
	static const char bytes[] = "\"\\{}[]:,0-.eE+tfnu \t\n\x01\x1f\x7f\x80\xbf\xc0\xc3\xe2\xed\xa0\xf0\xf4\xff/aZ";

	for (uint64_t i = below(m, 4); i > 0 && m->text.size > 0; i--) {
		size_t at = below(m, m->text.size), rest = m->text.size - at - 1;
		switch (below(m, 4)) {
		case 0:
			m->text.data[at] = bytes[below(m, sizeof bytes - 1)];
			break;
		case 1:
			memmove(m->text.data + at, m->text.data + at + 1, rest);
			m->text.size--;
			break;
		case 2:
			m->text.size = below(m, 4) == 0 ? at : m->text.size;
			break;
		default:
			m->text.data[at] = m->text.data[below(m, m->text.size)];
			break;
		}
	}
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void made_and_damaged(void **state)
{
	uint64_t seed = from_environment("OXP_SEED", 1), lines = from_environment("OXP_LINES", 200000), taken = 0;
	char padding[JSON_LINE_PADDING];
	struct maker m = { 0 };

	(void)state;
	random_seed(&m.random, seed);
	buffer_init(&m.text, 1 << 20);
	for (uint64_t i = 0; i < lines; i++) {
		struct json_line index;
		size_t size;
		buffer_clear(&m.text);
		put_object(&m, 0);
		damage(&m);
		size = m.text.size;
		memset(padding, "\"}\\ "[i & 3], sizeof padding);
		assert_int_equal(buffer_append(&m.text, padding, sizeof padding), 0);
		check(m.text.data, size);
		taken += json_line_index(json_scan_best(), m.text.data, size, &index) == JSON_FINE;
	}
	buffer_done(&m.text);
	assert_in_range(taken, lines / 4, lines - lines / 10); /* both kinds are among them */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picked_by_hand),
		cmocka_unit_test(made_and_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
