/* Bytes in pieces: however they are read, they are those of the pieces, one behind the other. */
#include "unit/unit.h"

#include "base/pieces.h"

enum { MOST = 8 };

static void they_are_read_in_steps_of_any_size(void **state)
{
	static const char text[] = "abcdefghij";
	struct pieces p;
	char *own, to[32];

	(void)state;
	assert_int_equal(pieces_init(&p, MOST, 3, &own), 0);
	memcpy(own, "123", 3);
	pieces_add(&p, (struct bytes){ text, 4 });
	pieces_add(&p, (struct bytes){ own, 3 });
	pieces_add(&p, (struct bytes){ text + 9, 0 });
	pieces_add(&p, (struct bytes){ text + 5, 1 });
	assert_int_equal(p.size, 8);
	for (size_t step = 1; step <= 9; step++) {
		struct pieces_place at = { 0 };
		size_t n, size = 0;
		while ((n = pieces_read(&p, &at, to + size, step)) > 0) {
			assert_true(n == step || size + n == p.size);
			size += n;
		}
		assert_int_equal(size, p.size);
		assert_memory_equal(to, "abcd123f", 8);
	}
	pieces_done(&p);
}

static void they_are_shown_where_they_stand(void **state)
{
	static const char text[] = "abcdefghij";
	struct pieces p;
	struct bytes shown[MOST];
	char *own, to[8];

	(void)state;
	assert_int_equal(pieces_init(&p, MOST, 0, &own), 0);
	pieces_add(&p, (struct bytes){ text, 4 });
	pieces_add(&p, (struct bytes){ text + 5, 1 });
	pieces_add(&p, (struct bytes){ text + 7, 3 });
	for (size_t step = 1; step <= 8; step++) {
		struct pieces_place at = { 0 };
		for (size_t out = 0; out < 8; out += step) {
			size_t count = pieces_look(&p, &at, shown, step % 2 ? 2 : MOST), size = 0;
			assert_true(count > 0 && count <= (step % 2 ? 2 : 3));
			for (size_t i = 0; i < count && out + size < 8; size += shown[i++].size)
				memcpy(to + out + size, shown[i].data, shown[i].size);
			assert_true(size == 8 - out || count == 2);
			pieces_skip(&p, &at, step < 8 - out ? step : 8 - out);
		}
		assert_memory_equal(to, "abcdfhij", 8);
		assert_int_equal(pieces_look(&p, &at, shown, MOST), 0);
	}
	pieces_done(&p);
}

static void pieces_that_touch_are_one(void **state)
{
	static const char text[] = "abcdefghij";
	struct pieces p;
	char *own;

	(void)state;
	assert_int_equal(pieces_init(&p, MOST, 0, &own), 0);
	for (size_t i = 0; i < 10; i++)
		pieces_add(&p, (struct bytes){ text + i, 1 });
	assert_int_equal(p.count, 1);
	pieces_add(&p, (struct bytes){ text, 1 });
	assert_int_equal(p.count, 2);
	assert_int_equal(p.size, 11);
	pieces_done(&p);
}

static void none_are_no_bytes(void **state)
{
	struct pieces p = { 0 };
	struct pieces_place at = { 0 };
	char to[1];

	(void)state;
	assert_int_equal(pieces_read(&p, &at, to, 1), 0);
	pieces_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_are_read_in_steps_of_any_size),
		cmocka_unit_test(they_are_shown_where_they_stand),
		cmocka_unit_test(pieces_that_touch_are_one),
		cmocka_unit_test(none_are_no_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
