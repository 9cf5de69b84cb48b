/*
 * What an AnyValue says, for each way in which it can stand on the wire.
 */
#include "proto/otlp_any.h"

#include "unit/unit.h"

static const struct row {
	const char *what, *wire;
	size_t size;
	enum otlp_value_type type;
	const char *text; /* of what has bytes */
	uint64_t number;
	bool broken;
} rows[] = {
	{ "nothing", "", 0, OTLP_VALUE_EMPTY, NULL, 0, false },
	{ "a text", "\x0a\x02hi", 4, OTLP_VALUE_TEXT, "hi", 0, false },
	{ "an empty text", "\x0a\x00", 2, OTLP_VALUE_TEXT, "", 0, false },
	{ "true", "\x10\x01", 2, OTLP_VALUE_BOOL, NULL, 1, false },
	{ "a number of two bytes", "\x18\xac\x02", 3, OTLP_VALUE_INT, NULL, 300, false },
	{ "a double", "\x21\x00\x00\x00\x00\x00\x00\xf0\x3f", 9, OTLP_VALUE_DOUBLE, NULL, 0x3ff0000000000000, false },
	{ "an array", "\x2a\x04\x0a\x02\x18\x01", 6, OTLP_VALUE_ARRAY, "\x0a\x02\x18\x01", 0, false },
	{ "bytes", "\x3a\x01x", 3, OTLP_VALUE_BYTES, "x", 0, false },
	{ "the last of two", "\x0a\x01x\x18\x05", 5, OTLP_VALUE_INT, NULL, 5, false },
	{ "a text, and then what only looks like one", "\x0a\x01x\x08\x05", 5, OTLP_VALUE_TEXT, "x", 0, false },
	{ "a number of four bytes is none", "\x1d\x01\x00\x00\x00", 5, OTLP_VALUE_EMPTY, NULL, 0, false },
	{ "a field that is unknown", "\x0a\x01x\x78\x05", 5, OTLP_VALUE_TEXT, "x", 0, false },
	{ "cut off", "\x0a\x01x\x0a\x05y", 6, OTLP_VALUE_TEXT, "x", 0, true },
	{ "a field without a number", "\x0a\x01x\x02\x01y", 6, OTLP_VALUE_TEXT, "x", 0, true },
};

static void the_last_field_of_its_type_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct row *r = &rows[i];
		struct otlp_any any = otlp_any_read((struct bytes){ r->wire, r->size });
		print_message("%s\n", r->what);
		assert_int_equal(any.type, r->type);
		assert_int_equal(any.broken, r->broken);
		if (r->text)
			assert_true(bytes_are(any.bytes, r->text));
		else
			assert_int_equal(any.number, r->number);
	}
	assert_int_equal(otlp_any_read((struct bytes){ NULL, 0 }).type, OTLP_VALUE_EMPTY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_field_of_its_type_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
