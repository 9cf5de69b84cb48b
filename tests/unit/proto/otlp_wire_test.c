/*
 * Fields on the wire: which one of a number counts, and how long varints are.
 */
#include "proto/otlp_wire.h"

#include "proto/otlp_build.h"
#include "unit/unit.h"

#define BYTES(literal)                       \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

static const struct last_row {
	struct bytes message;
	uint32_t number;
	const char *last;
	bool broken;
} last_rows[] = {
	{ BYTES(""), 1, "", false }, { BYTES("\x0a\1a\x12\1b"), 1, "a", false },
	{ BYTES("\x0a\1a\x12\1b"), 2, "b", false }, { BYTES("\x0a\1a\x12\1b"), 3, "", false },
	{ BYTES("\x0a\1a\x12\1b\x0a\1c"), 1, "c", false }, { BYTES("\x0a\1a\x0a\0"), 1, "", false },
	{ BYTES("\x0a\1a\x08\7"), 1, "a", false }, /* a varint of the same number */
	{ BYTES("\x0a\1a\x0a\2c"), 1, "a", true }, /* cut short */
	{ BYTES("\x0b"), 1, "", true }, /* a group */
};

static void the_last_field_of_a_number_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(last_rows); i++) {
		const struct last_row *row = &last_rows[i];
		bool broken = false;
		assert_true(bytes_are(wire_last(row->message, row->number, &broken), row->last));
		assert_int_equal(broken, row->broken);
		assert_true(bytes_are(wire_last(row->message, row->number, NULL), row->last));
	}
}

static void a_fault_before_is_not_forgotten(void **state)
{
	const struct bytes fine = BYTES("\x0a\1a");
	bool broken = true;

	(void)state;
	assert_true(bytes_are(wire_last(fine, 1, &broken), "a"));
	assert_true(broken);
}

static void varints_take_what_is_said(void **state)
{
	char room[10];

	(void)state;
	for (unsigned bits = 0; bits <= 64; bits++) {
		uint64_t most = bits == 64 ? UINT64_MAX : (1ull << bits) - 1, value = 0;
		struct otlp_build b = { room, sizeof room, 0 };
		struct wire w;
		otlp_build_varint(&b, most);
		assert_int_equal(b.size, bits == 0 ? 1 : (bits + 6) / 7);
		assert_int_equal(wire_varint_size(most), b.size);
		w = wire_of((struct bytes){ room, b.size });
		assert_int_equal(wire_varint(&w.at, w.end, &value), WIRE_VARINT_OK);
		assert_ptr_equal(w.at, w.end);
		assert_true(value == most);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_field_of_a_number_counts),
		cmocka_unit_test(a_fault_before_is_not_forgotten),
		cmocka_unit_test(varints_take_what_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
