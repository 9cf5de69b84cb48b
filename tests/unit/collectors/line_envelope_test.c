/*
 * What a container runtime has written around an object: each name once, and no more work than there are bytes.
 */
#include "collectors/line_envelope.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit/unit.h"

static size_t stops;

static const char *counted_stop(const char *p, const char *end)
{
	stops++;
	return json_scan_best()->stop(p, end);
}

static char *padded(const char *text)
{
	char *copy = oxp_new(strlen(text) + JSON_LINE_PADDING);

	memcpy(copy, text, strlen(text));
	return copy;
}

/* What is added to the object; the caller frees it. */
static char *around(const char *object, const char *extra)
{
	struct json_scan scan = *json_scan_best();
	size_t size = strlen(object);
	char *text = padded(object), *more = padded(extra), *said;
	struct json_line index;
	struct line_message m = { .text = { text, size }, .extra = { more, strlen(extra) }, .object = &index };
	struct line_envelope e = { .blank.size = 0 };
	struct buffer room;

	assert_int_equal(json_line_index(&scan, text, size, &index), JSON_FINE);
	scan.stop = counted_stop;
	stops = 0;
	buffer_init(&room, 1 << 20);
	line_envelope_of(&scan, &m, &room, &e);
	said = oxp_new(e.around.size + 1);
	if (e.around.size > 0)
		memcpy(said, e.around.data, e.around.size);
	buffer_done(&room);
	free(text);
	free(more);
	return said;
}

static void assert_around(const char *object, const char *extra, const char *wanted)
{
	char *said = around(object, extra);

	assert_string_equal(said, wanted);
	free(said);
}

static void a_name_that_the_object_has_is_left_out_however_it_is_spelt(void **state)
{
	(void)state;
	assert_around("{}", "\"a\":1", "\"a\":1,");
	assert_around("{\"b\":1}", "\"a\":1,\"c\":{\"b\":2}", "\"a\":1,\"c\":{\"b\":2},");
	assert_around("{\"a\":1}", "\"a\":2,\"b\":3", "\"b\":3,");
	assert_around("{\"\\u0061\":1}", "\"a\":2", "");
	assert_around("{\"a\":1}", "\"\\u0061\":2", "");
	assert_around("{\"\\u0061\":1}", "\"\\u0061\":2", "");
	assert_around("{\"x\":{\"a\":1},\"y\":[\"a\"],\"z\":\"a\"}", "\"a\":2", "\"a\":2,");
	assert_around("{\"\":1}", "\"\":2,\"a\":\"\"", "\"a\":\"\",");
}

static void a_name_that_is_there_twice_is_added_once(void **state)
{
	(void)state;
	assert_around("{}", "\"a\":1,\"\\u0061\":2,\"b\":3", "\"a\":1,\"b\":3,");
	assert_around("{}", "\"\\u0061\":2,\"a\":1", "\"\\u0061\":2,");
}

/* As many as a runtime's line may have, and an object with more than are indexed. */
enum { NAMES = JSON_MEMBERS_MAX - 3, MEMBERS = 2000 };

static char *listed(const char *format, int first, int count)
{
	size_t room = (size_t)count * 64 + 2, at = 0;
	char *text = oxp_new(room);

	for (int i = first; i < first + count; i++) {
		if (at > 0)
			text[at++] = ',';
		at += (size_t)snprintf(text + at, room - at, format, i);
	}
	return text;
}

static void many_names_are_looked_for_at_once(void **state)
{
	static const char *const spelt[] = { "\"k%04d\":1", "\"\\u006b%04d\":1" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(spelt); i++) {
		char *members = listed(spelt[i], 0, MEMBERS), *said;
		size_t room = strlen(members) + 3;
		char *object = oxp_new(room);
		char *extra = listed("\"k%04d\":2", MEMBERS - NAMES + 1, NAMES);
		snprintf(object, room, "{%s}", members);
		said = around(object, extra);
		assert_string_equal(said, "\"k2000\":2,");
		if (stops > 2 * MEMBERS + 8 * NAMES)
			fail_msg("%zu strings were passed, of %d", stops, MEMBERS + NAMES);
		free(said);
		free(extra);
		free(object);
		free(members);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_the_object_has_is_left_out_however_it_is_spelt),
		cmocka_unit_test(a_name_that_is_there_twice_is_added_once),
		cmocka_unit_test(many_names_are_looked_for_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
