/*
 * Redaction of values: names and shapes in one text, and texts that are made to be slow.
 */
#include "unit/unit.h"

#include <stdlib.h>

#include "proto/redact.h"

enum { ROOM = 16 << 20, SLOW = 1 << 20 };

static int setup(void **state)
{
	struct redact *r = calloc(1, sizeof *r);

	redact_init(r, json_scan_best(), ROOM);
	r->keys.fold = r->in_text = true;
	assert_int_equal(key_set_add(&r->keys, "password") | key_set_add(&r->keys, "authorization"), 0);
	detector_init(&r->detector, DETECT_CARD | DETECT_BEARER | DETECT_EMAIL | DETECT_IP);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	redact_done(*state);
	free(*state);
	return 0;
}

/* A value of JSON, and what it becomes. */
static void becomes(struct redact *r, const char *value, const char *wanted)
{
	size_t size = strlen(value);
	char *text = calloc(1, size + JSON_LINE_PADDING);
	struct buffer out;

	memcpy(text, value, size);
	buffer_init(&out, ROOM);
	if (redact_json(r, (struct bytes){ text, size }, &out) == REDACT_FOUND)
		assert_true(bytes_are(buffer_bytes(&out), wanted));
	else
		assert_string_equal(value, wanted);
	buffer_done(&out);
	free(text);
}

static void names_and_shapes_in_one_text(void **state)
{
	becomes(*state, "\"bob@x.de password=a 10.0.0.1 password=b eve@x.de\"",
		"\"*** password=*** *** password=*** ***\"");
	becomes(*state, "\"password=10.0.0.1 bob@x.de\"", "\"password=*** ***\"");
	becomes(*state, "\"password=x&bob@x.de, password=y\"", "\"password=***, password=***\"");
	becomes(*state, "\"Authorization: Bearer abc.def 10.0.0.1\"", "\"Authorization: *** ***\"");
	becomes(*state, "\"password=a\\u0000b c\"", "\"password=*** c\"");
	becomes(*state, "\"plain: text = here\"", "\"plain: text = here\"");
}

/* As languages write them whose numbers are all floats. */
static void cards_that_are_numbers(void **state)
{
	becomes(*state, "4111111111111111", "\"***\"");
	becomes(*state, "4111111111111111.0", "\"***\"");
	becomes(*state, "[4111111111111111.00,4111111111111111.5,4111111111111111.01]",
		"[\"***\",4111111111111111.5,4111111111111111.01]");
	becomes(*state, "[1795409106128.0,-4111111111111111]", "[1795409106128.0,-4111111111111111]");
}

/* Each match is looked for once, however many of the other kind stand before it; the test's time limit tells. */
static void hostile_texts_take_linear_time(void **state)
{
	static const char *const pieces[] = { "a@b.cd ", "password=x ", "password: x ", "=a@b.cd ",
		"1.1.1.1:a=", "password=\\\"", "password   ", ":=", "=   ", "--", "]", "Authorization: Basic " };
	char *text = malloc(SLOW + JSON_LINE_PADDING);
	struct buffer out;

	buffer_init(&out, ROOM);
	for (size_t p = 0; p < COUNT_OF(pieces); p++) {
		for (size_t i = 0, size = strlen(pieces[p]); i < SLOW; i++)
			text[i] = pieces[p][i % size];
		text[0] = '"';
		memcpy(text + SLOW - 3, "x \"", 3);
		buffer_clear(&out);
		assert_int_not_equal(redact_json(*state, (struct bytes){ text, SLOW }, &out), REDACT_FAILED);
	}
	buffer_done(&out);
	free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(names_and_shapes_in_one_text),
		TEST(cards_that_are_numbers),
		TEST(hostile_texts_take_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
