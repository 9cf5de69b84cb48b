/*
 * A line being edited, redacted, and asked for its level: each against the text that is to come out.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/log_level.h"
#include "proto/redact.h"

enum { ROOM = 1 << 20 };

#define PADDED(text) ((const char[sizeof(text) + JSON_LINE_PADDING]){ text })

/* A line in memory of its own, with the padding that is asked for and not more. */
static char *padded(const char *text)
{
	char *line = calloc(1, strlen(text) + JSON_LINE_PADDING);

	memcpy(line, text, strlen(text));
	return line;
}

static int setup(void **state)
{
	*state = json_edit_new(json_scan_best(), ROOM);
	return 0;
}

static int teardown(void **state)
{
	json_edit_free(*state);
	return 0;
}

static char *begin(struct json_edit *e, const char *text)
{
	char *line = padded(text);

	assert_int_equal(json_edit_begin(e, (struct bytes){ line, strlen(text) }), JSON_FINE);
	return line;
}

static void becomes(struct json_edit *e, char *line, const char *wanted)
{
	size_t size = json_edit_size(e);
	char *got = calloc(1, size + 1);

	json_edit_write(e, got);
	assert_string_equal(got, wanted);
	assert_int_equal(size, strlen(wanted));
	free(got);
	free(line);
}

static void unedited_lines_are_the_same_bytes(void **state)
{
	char *line = begin(*state, " { \"a\" : 1 } ");

	becomes(*state, line, " { \"a\" : 1 } ");
}

static void members_go_and_come(void **state)
{
	struct json_edit *e = *state;
	char *line = begin(e, "{\"a\":1, \"b\" : {\"c\":[2]} ,\"d\":\"x\"}");

	json_edit_drop(e, 0);
	json_edit_replace(e, 2, bytes_of("\"***\""));
	json_edit_rename(e, 1, bytes_of("z"));
	assert_int_equal(json_edit_append(e, bytes_of("n"), bytes_of("null")), 0);
	assert_int_equal(json_edit_find(e, bytes_of("a")), -1);
	assert_int_equal(json_edit_find(e, bytes_of("b")), -1);
	assert_int_equal(json_edit_find(e, bytes_of("z")), 1);
	assert_int_equal(json_edit_find(e, bytes_of("n")), 3);
	becomes(e, line, "{\"z\":{\"c\":[2]},\"d\":\"***\",\"n\":null}");
	line = begin(e, "{}"); /* nothing is left of the edits before */
	becomes(e, line, "{}");
}

static void all_may_go(void **state)
{
	char *line = begin(*state, "{\"a\":1,\"b\":2}");

	json_edit_drop(*state, 0);
	json_edit_drop(*state, 1);
	becomes(*state, line, "{}");
}

static void appended_members_have_a_ceiling(void **state)
{
	char *line = begin(*state, "{}"), *many;

	for (int i = 0; i < JSON_APPENDED_MAX; i++)
		assert_int_equal(json_edit_append(*state, bytes_of("a"), bytes_of("1")), 0);
	assert_true(json_edit_append(*state, bytes_of("a"), bytes_of("1")) < 0);
	assert_null(json_edit_room(*state, ROOM + 1));
	many = json_edit_room(*state, 100);
	assert_non_null(many);
	memset(many, 'x', 100 + JSON_LINE_PADDING);
	free(line);
}

static char *many_members(size_t count)
{
	struct buffer b;

	buffer_init(&b, 1 << 20);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(buffer_printf(&b, "%c\"m%zu\":%zu", i ? ',' : '{', i, i), 0);
	assert_int_equal(buffer_printf(&b, " } "), 0);
	return b.data;
}

static void members_beyond_the_index_are_a_rest(void **state)
{
	struct json_edit *e = *state;
	char *text = many_members(JSON_MEMBERS_MAX + 2), *line = begin(e, text);

	assert_true(json_edit_has(e, bytes_of("m129")));
	assert_false(json_edit_has(e, bytes_of("m130")));
	assert_int_equal(json_edit_find(e, bytes_of("m129")), -1);
	for (size_t i = 0; i < e->count; i++)
		json_edit_drop(e, i);
	becomes(e, line, "{\"m128\":128,\"m129\":129 }");
	line = begin(e, text);
	for (size_t i = 1; i < e->count; i++)
		json_edit_drop(e, i);
	assert_int_equal(json_edit_append(e, bytes_of("x"), bytes_of("1")), 0);
	assert_int_equal(json_edit_append(e, bytes_of("y"), bytes_of("2")), 0);
	assert_int_equal(json_edit_find(e, bytes_of("y")), JSON_MEMBERS_MAX + 1);
	assert_true(bytes_are(json_edit_value(e, JSON_MEMBERS_MAX + 1), "2"));
	becomes(e, line, "{\"m0\":0,\"m128\":128,\"m129\":129 ,\"x\":1,\"y\":2}");
	free(text);
}

static void names_are_compared_as_they_read(void **state)
{
	(void)state;
	assert_true(json_name_is(bytes_of("p\\u0061ss"), bytes_of("pass"), false));
	assert_true(json_name_is(bytes_of("P\\u0041ss"), bytes_of("pass"), true));
	assert_false(json_name_is(bytes_of("\\n"), bytes_of("\\n"), false));
	assert_false(json_name_is(bytes_of("Pass"), bytes_of("pass"), false));
	assert_false(json_name_is(bytes_of("passwd"), bytes_of("pass"), true));
	assert_true(json_name_is(bytes_of("\\ud83d\\ude00"), bytes_of("😀"), false));
	assert_false(json_name_is(bytes_of("\\ud83d"), bytes_of("😀"), false));
}

/* Redaction. */

struct rules {
	const char *keys[4];
	unsigned detect;
	enum redact_with with;
	bool shallow;
};

static void redacts(struct rules rules, const char *text, const char *wanted)
{
	struct redact r;
	struct buffer out;
	char *line = padded(text);

	redact_init(&r, json_scan_best(), ROOM);
	buffer_init(&out, ROOM);
	r.keys.fold = true;
	for (int i = 0; i < 4 && rules.keys[i]; i++)
		assert_int_equal(key_set_add(&r.keys, rules.keys[i]), 0);
	detector_init(&r.detector, rules.detect);
	r.with = rules.with;
	r.shallow = rules.shallow;
	r.salt = bytes_of("salt");
	if (wanted) {
		assert_int_equal(redact_json(&r, (struct bytes){ line, strlen(text) }, &out), REDACT_FOUND);
		assert_int_equal(buffer_append(&out, "", 1), 0);
		assert_string_equal(out.data, wanted);
	} else {
		assert_int_equal(redact_json(&r, (struct bytes){ line, strlen(text) }, &out), REDACT_NOTHING);
	}
	buffer_done(&out);
	redact_done(&r);
	free(line);
}

static void keys_at_any_depth(void **state)
{
	const struct rules mask = { .keys = { "password", "token" } };

	(void)state;
	redacts(mask, "{\"a\":{\"Password\":\"x\"},\"b\":[{\"token\":{\"y\":[1]}},2]}",
		"{\"a\":{\"Password\":\"***\"},\"b\":[{\"token\":\"***\"},2]}");
	redacts(mask, "{ \"p\\u0061ssword\" : 17 , \"x\":1}", "{ \"p\\u0061ssword\" : \"***\" , \"x\":1}");
	redacts(mask, "{\"passwords\":\"x\",\"pass\":\"password\"}", NULL);
	redacts(mask, "[\"password\",\"token\"]", NULL);
	redacts(mask, "{\"token\":null,\"token\":\"\"}", "{\"token\":\"***\",\"token\":\"***\"}");
}

static void removing_keeps_the_commas_right(void **state)
{
	const struct rules cut = { .keys = { "p", "q" }, .with = REDACT_REMOVE };

	(void)state;
	redacts(cut, "{\"p\":1}", "{}");
	redacts(cut, "{\"p\":1,\"q\":2}", "{}");
	redacts(cut, "{\"p\":1,\"a\":2}", "{\"a\":2}");
	redacts(cut, "{\"a\":2,\"p\":1}", "{\"a\":2}");
	redacts(cut, "{\"a\":0,\"p\":1,\"q\":2}", "{\"a\":0}");
	redacts(cut, "{\"p\":1,\"a\":0,\"q\":2}", "{\"a\":0}");
	redacts(cut, "{\"p\":1,\"q\":[{}],\"a\":0}", "{\"a\":0}");
	redacts(cut, "{\"a\":{\"p\":{\"b\":1}},\"p\":2,\"b\":[{\"q\":1,\"c\":{\"p\":1,\"d\":2}}]}",
		"{\"a\":{},\"b\":[{\"c\":{\"d\":2}}]}");
	redacts(cut, ",\"p\":1,\"a\":2,\"q\":{\"z\":1} ", ",\"a\":2 ");
	redacts((struct rules){ .keys = { "p" }, .with = REDACT_REMOVE, .shallow = true }, ",\"a\":{\"p\":1},\"p\":2",
		",\"a\":{\"p\":1}");
}

static void strings_anywhere(void **state)
{
	const struct rules mail = { .detect = DETECT_EMAIL };

	(void)state;
	redacts(mail, "{\"a\":[\"x bob@x.de y\",{\"b\":\"bob@x.de,eve@x.de\"}],\"c\":\"no\"}",
		"{\"a\":[\"x *** y\",{\"b\":\"***,***\"}],\"c\":\"no\"}");
	redacts(mail, "\"bob@x.de\"", "\"***\"");
	redacts(mail, "{\"bob@x.de\":1}", NULL);
	redacts((struct rules){ .detect = DETECT_EMAIL, .with = REDACT_REMOVE }, "\"bob\\u0040x.de\"", "\"\"");
	redacts((struct rules){ .detect = DETECT_EMAIL, .with = REDACT_REMOVE }, "\"to bob@x.de!\"", "\"to !\"");
}

static void escapes_hide_nothing(void **state)
{
	const struct rules all = { .detect = DETECT_EMAIL | DETECT_CARD | DETECT_IP };

	(void)state;
	redacts(all, "{\"a\":\"say \\\"bob\\u0040x.de\\\"\\n\"}", "{\"a\":\"say \\\"***\\\"\\n\"}");
	redacts(all, "[\"\\u0034111111111111111\"]", "[\"***\"]");
	redacts(all, "[\"1\\u002e2.3.4\"]", "[\"***\"]");
	redacts(all, "[\"bob@x.de \\u0000\\ud800\"]", "[\"*** \\u0000\xef\xbf\xbd\"]");
	redacts(all, "[\"line\\nline \\\\ \\/\"]", NULL);
}

static void hashes_are_the_same_for_the_same(void **state)
{
	struct redact r;
	struct buffer a, b;

	(void)state;
	redact_init(&r, json_scan_best(), ROOM);
	buffer_init(&a, ROOM);
	buffer_init(&b, ROOM);
	r.with = REDACT_HASH;
	r.salt = bytes_of("salt");
	assert_int_equal(redact_whole(&r, bytes_of("\"bob@x.de\""), &a), REDACT_FOUND);
	assert_int_equal(redact_whole(&r, bytes_of("\"bob\\u0040x.de\""), &b), REDACT_FOUND);
	assert_int_equal(a.size, 34);
	assert_true(bytes_equal(buffer_bytes(&a), buffer_bytes(&b)));
	buffer_clear(&b);
	r.salt = bytes_of("pepper");
	assert_int_equal(redact_whole(&r, bytes_of("\"bob@x.de\""), &b), REDACT_FOUND);
	assert_false(bytes_equal(buffer_bytes(&a), buffer_bytes(&b)));
	buffer_done(&a);
	buffer_done(&b);
	redact_done(&r);
}

static void without_room_it_fails(void **state)
{
	char *line = padded("[\"bob@x.de\"]");
	struct redact r;
	struct buffer out;

	(void)state;
	redact_init(&r, json_scan_best(), ROOM);
	detector_init(&r.detector, DETECT_EMAIL);
	buffer_init(&out, 4);
	assert_int_equal(redact_json(&r, bytes_of(line), &out), REDACT_FAILED);
	free(line);
	buffer_done(&out);
	redact_done(&r);
}

/* Levels, as the libraries write them. */
static void levels(void **state)
{
	static const struct {
		const char *line;
		enum severity wanted;
	} lines[] = {
		{ "{\"level\":\"info\",\"message\":\"winston\"}", SEVERITY_INFO },
		{ "{\"message\":\"x\",\"level\":\"http\"}", SEVERITY_INFO },
		{ "{\"level\":\"silly\"}", SEVERITY_TRACE },
		{ "{\"level\":30,\"time\":1,\"msg\":\"pino\"}", SEVERITY_INFO },
		{ "{\"level\":60,\"msg\":\"pino\"}", SEVERITY_FATAL },
		{ "{\"level\":35,\"msg\":\"pino\"}", SEVERITY_INFO },
		{ "{\"level\":\"dpanic\",\"ts\":1,\"msg\":\"zap\"}", SEVERITY_FATAL },
		{ "{\"L\":\"x\",\"level\":\"warn\"}", SEVERITY_WARN },
		{ "{\"time\":\"…\",\"level\":\"WARN+2\",\"msg\":\"slog\"}", SEVERITY_WARN },
		{ "{\"level\":\"DEBUG-4\",\"msg\":\"slog\"}", SEVERITY_DEBUG },
		{ "{\"event\":\"structlog\",\"level\":\"warning\"}", SEVERITY_WARN },
		{ "{\"event\":\"structlog\",\"level_number\":40}", SEVERITY_ERROR },
		{ "{\"levelname\":\"CRITICAL\",\"message\":\"python-json-logger\"}", SEVERITY_FATAL },
		{ "{\"levelno\":20}", SEVERITY_INFO },
		{ "{\"instant\":{},\"level\":\"ERROR\",\"message\":\"log4j2\"}", SEVERITY_ERROR },
		{ "{\"@timestamp\":\"\",\"log.level\":\"ERROR\",\"message\":\"log4j2 ecs\"}", SEVERITY_ERROR },
		{ "{\"log\":{\"logger\":\"x\",\"level\":\"debug\"}}", SEVERITY_DEBUG },
		{ "{\"severity\":\"NOTICE\"}", SEVERITY_INFO },
		{ "{\"severity_number\":17}", SEVERITY_ERROR },
		{ "{\"SeverityText\":\"FATAL\"}", SEVERITY_FATAL },
		{ "{\"@level\":\"trace\"}", SEVERITY_TRACE },
		{ "{\"lvl\":\"trace\"}", SEVERITY_TRACE },
		{ "{\"loglevel\":\"trace\"}", SEVERITY_TRACE },
		{ "{\"log_level\":\"trace\"}", SEVERITY_TRACE },
		{ "{\"severity_text\":\"trace\"}", SEVERITY_TRACE },
		{ "{\"severityNumber\":1}", SEVERITY_TRACE },
		{ "{\"oxpecker.syslog.severity.name\":\"notice\"}", SEVERITY_INFO },
		{ "{\"m\":1,\"oxpecker.syslog.severity.name\":\"debug\"}", SEVERITY_DEBUG },
		{ "{\"level\":3}", SEVERITY_ERROR },
		{ "{\"level\":100,\"message\":\"monolog\"}", SEVERITY_DEBUG },
		{ "{\"level\":250,\"level_name\":\"NOTICE\"}", SEVERITY_INFO },
		{ "{\"level\":400,\"message\":\"monolog\"}", SEVERITY_ERROR },
		{ "{\"level\":550,\"message\":\"monolog\"}", SEVERITY_FATAL },
		{ "{\"level_name\":\"WARNING\"}", SEVERITY_WARN },
		{ "{\"level\":1000}", SEVERITY_UNKNOWN },
		{ "{\"level\":\"SUCCESS\"}", SEVERITY_INFO },
		{ "{\"l\\u0065vel\":\"error\"}", SEVERITY_ERROR },
		{ "{\"level\":\"unheard of\",\"severity\":\"error\"}", SEVERITY_ERROR },
		{ "{\"level\":null}", SEVERITY_UNKNOWN },
		{ "{\"level\":{\"x\":1}}", SEVERITY_UNKNOWN },
		{ "{\"level\":\"\",\"log\":\"error\"}", SEVERITY_UNKNOWN },
		{ "{\"message\":\"level error\"}", SEVERITY_UNKNOWN },
	};

	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		char *line = begin(*state, lines[i].line);
		if (severity_of_line(*state) != lines[i].wanted)
			fail_msg("%s: %s", lines[i].line, severity_name(severity_of_line(*state)));
		free(line);
	}
}

/* A scanner that counts. */

static size_t stops;

static const char *counted_stop(const char *p, const char *end)
{
	stops++;
	return json_scan_best()->stop(p, end);
}

static uint64_t any_block(const char *p, uint64_t *ret_high)
{
	return json_scan_best()->block(p, ret_high);
}

static const struct json_scan counting = { "counting", counted_stop, any_block };

/* `first`, members up to the 128th, then 40,000 more; or one object with these. */
static char *crowded(const char *first, bool object)
{
	char *line = calloc(1, ROOM + JSON_LINE_PADDING);
	size_t size = (size_t)snprintf(line, ROOM, "{%s", first);

	if (object)
		size += (size_t)snprintf(line + size, ROOM - size, ",\"log\":{\"x\":1");
	for (int i = 0; i < 40000 + JSON_MEMBERS_MAX; i++)
		size += (size_t)snprintf(line + size, ROOM - size, ",\"m%d\":1", i);
	snprintf(line + size, ROOM - size, "%s", object ? "}}" : "}");
	return line;
}

/* However many names are looked for, a line is read a few times. */
static void a_search_for_many_names_ends(void **state)
{
	char *lines[] = { crowded("\"a\":1", false), crowded("\"a\":1", true) }, name[32];
	struct json_edit *e = json_edit_new(&counting, ROOM);

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		assert_int_equal(json_edit_begin(e, bytes_of(lines[i])), JSON_FINE);
		stops = 0;
		for (int n = 0; n < 200; n++) {
			snprintf(name, sizeof name, "log.n%d", n);
			assert_true(json_edit_presence(e, bytes_of(name), -1) <= (n < 2 ? JSON_BESIDE : JSON_CROSSED));
		}
		assert_in_range(stops, 40000, 4 * 41000);
		assert_int_equal(json_edit_presence(e, bytes_of("log.late"), -1), JSON_CROSSED); /* who knows */
		assert_int_equal(json_edit_has(e, bytes_of("late")), i == 0);
		assert_int_equal(json_edit_presence(e, bytes_of("a"), -1), JSON_THERE);
		free(lines[i]);
	}
	assert_int_equal(json_edit_begin(e, bytes_of(PADDED("{\"log\":{}}"))), JSON_FINE); /* the next line is */
	assert_int_equal(json_edit_presence(e, bytes_of("log.late"), -1), JSON_BESIDE); /* not affected */
	json_edit_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unedited_lines_are_the_same_bytes),
		cmocka_unit_test(members_go_and_come),
		cmocka_unit_test(all_may_go),
		cmocka_unit_test(appended_members_have_a_ceiling),
		cmocka_unit_test(members_beyond_the_index_are_a_rest),
		cmocka_unit_test(names_are_compared_as_they_read),
		cmocka_unit_test(keys_at_any_depth),
		cmocka_unit_test(removing_keeps_the_commas_right),
		cmocka_unit_test(strings_anywhere),
		cmocka_unit_test(escapes_hide_nothing),
		cmocka_unit_test(hashes_are_the_same_for_the_same),
		cmocka_unit_test(without_room_it_fails),
		cmocka_unit_test(levels),
		cmocka_unit_test(a_search_for_many_names_ends),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
