/*
 * Items in the body of a request: the same bytes in parts of any size, and what is put around an item is asked for
 * once, however many parts it takes.
 */
#include "exporters/frame.h"

#include <stdlib.h>

#include "unit/unit.h"

enum { LONG = 100000 };

static size_t asked;

/* `<size>`, and `+` in place of the item's second and third byte. */
static size_t put_around(
	void *exporter, void *reader, const struct batch_item *item, char *to, struct frame_splice *splice)
{
	(void)exporter;
	(void)reader;
	asked++;
	splice->at = 1;
	splice->skip = 2;
	splice->size = 1;
	splice->text[0] = '+';
	memcpy(to, "<00000>", 7);
	for (size_t i = 5, n = item->size; n > 0; i--, n /= 10)
		to[i] = (char)('0' + n % 10);
	return 7;
}

static const struct frame_form form = { .prefix_size = 16, .varied = put_around, .suffix = ";\n", .lines = true };

static struct batch_item item_of(size_t size)
{
	char *text = malloc(size);

	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + i % 26);
	return (struct batch_item){ .data = text, .size = (uint32_t)size };
}

/* The item in parts of that size, and how often it was asked what to put around it. */
static char *in_parts(const struct batch_item *item, size_t part, size_t *ret_size, size_t *ret_asked)
{
	char *to = calloc(1, frame_room(&form, item) + 1);
	bool ended = false;
	struct frame f;

	frame_init(&f, &form, NULL);
	asked = 0;
	for (*ret_size = 0; !ended;)
		*ret_size += frame_put(&f, item, to + *ret_size, part, &ended);
	*ret_asked = asked;
	assert_int_equal(f.at, 0);
	assert_int_equal(*ret_size, frame_size(&f, item));
	return to;
}

static void parts_of_any_size_are_the_whole(void **state)
{
	struct batch_item item = item_of(30);
	size_t size, times;
	char *got;

	(void)state;
	for (size_t part = 1; part < 80; part++) {
		got = in_parts(&item, part, &size, &times);
		assert_string_equal(got, "<00030>a+defghijklmnopqrstuvwxyzabcd;\n");
		free(got);
	}
	free((char *)item.data);
}

static void a_long_item_is_read_once(void **state)
{
	struct batch_item item = item_of(LONG);
	size_t size, times;

	(void)state;
	free(in_parts(&item, 64, &size, &times));
	assert_int_equal(times, 1);
	assert_int_equal(size, 7 + LONG - 1 + 2);
	free((char *)item.data);
}

static void a_body_that_begins_again_is_the_same(void **state)
{
	struct batch_item item = item_of(100);
	char once[256] = "", again[256] = "";
	bool ended;
	struct frame f;

	(void)state;
	frame_init(&f, &form, NULL);
	assert_int_equal(frame_put(&f, &item, once, 20, &ended), 20);
	assert_false(ended);
	frame_init(&f, &form, NULL);
	assert_int_equal(frame_put(&f, &item, again, 20, &ended), 20);
	assert_string_equal(once, again);
	free((char *)item.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_of_any_size_are_the_whole),
		cmocka_unit_test(a_long_item_is_read_once),
		cmocka_unit_test(a_body_that_begins_again_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
