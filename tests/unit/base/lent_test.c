/*
 * Lent memory: pieces stay where they are until they go back, zeros follow each, and the ceiling is never passed.
 */
#include "base/lent.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

enum { CEILING = 1 << 20, LARGE = 100 << 10 };

static void is_padded(const char *piece, size_t size)
{
	for (size_t i = 0; i < LENT_PADDING; i++)
		assert_int_equal(piece[size + i], 0);
}

static char *lend(struct lent *l, size_t size, char fill)
{
	char *piece = lent_room(l, size);

	assert_non_null(piece);
	memset(piece, fill, size);
	return piece;
}

static void is_filled(const char *piece, size_t size, char fill)
{
	for (size_t i = 0; i < size; i++)
		assert_int_equal(piece[i], fill);
	is_padded(piece, size);
}

static void pieces_stay_until_they_go_back(void **state)
{
	struct lent l;
	const char *first, *second, *large;
	struct lent_mark mark;

	(void)state;
	lent_init(&l, CEILING);
	first = lend(&l, 100, 'a');
	mark = lent_mark(&l);
	for (int i = 0; i < 100; i++) {
		second = lend(&l, 1000, 'b');
		large = lend(&l, LARGE, 'c');
		is_filled(first, 100, 'a');
		is_filled(second, 1000, 'b');
		is_filled(large, LARGE, 'c');
		lent_back(&l, &mark);
		assert_int_equal(l.used, mark.used);
	}
	is_filled(first, 100, 'a');
	lent_done(&l);
}

/* Also where the piece in between had a chunk of its own. */
static void the_same_memory_is_lent_again(void **state)
{
	struct lent l;
	const char *first;

	(void)state;
	lent_init(&l, CEILING);
	first = lend(&l, 10, 'a');
	(void)lend(&l, LARGE, 'b');
	lent_back(&l, &(struct lent_mark){ 0 });
	assert_ptr_equal(lend(&l, 10, 'c'), first);
	lent_done(&l);
}

static void nothing_is_lent_beyond_the_ceiling(void **state)
{
	struct lent l;

	(void)state;
	lent_init(&l, CEILING);
	assert_null(lent_room(&l, CEILING));
	assert_null(lent_room(&l, SIZE_MAX));
	(void)lend(&l, CEILING - LENT_PADDING, 'a');
	assert_null(lent_room(&l, 0));
	lent_back(&l, &(struct lent_mark){ 0 });
	(void)lend(&l, CEILING - LENT_PADDING, 'a');
	lent_done(&l);
	assert_int_equal(l.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_stay_until_they_go_back),
		cmocka_unit_test(the_same_memory_is_lent_again),
		cmocka_unit_test(nothing_is_lent_beyond_the_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
