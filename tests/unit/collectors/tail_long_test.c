/*
 * Long lines of files, in a simulated world (unit/sim/): they are split in the lane, and the steps see them beside the
 * loop. Whatever becomes of the file or of the process meanwhile, each line comes once, under its own place.
 */
#include "unit/collectors/tail_world.h"

#include <errno.h>

#include "collectors/tail/fill.h"
#include "collectors/tail/head.h"
#include "collectors/tail/hole.h"

enum { LONG = 150 << 10, LIVES = 25, MOVES = 60 };

/* A line of about that size; text, or an object. */
static void put_sized(struct sim_inode *file, size_t size, size_t number, bool object)
{
	char *text = oxp_new(size + 64);
	int head = snprintf(text, 64, object ? "{\"n\":%zu,\"t\":\"" : "n %zu \"", number);

	memset(text + head, 'x', size);
	snprintf(text + (size_t)head + size, 4, object ? "\"}\n" : "\n");
	put(file, text);
	free(text);
}

static void long_lines_are_for_the_lane_and_short_ones_are_not(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	put_lines(file, "n", 3000);
	wait_items(w, 3000);
	assert_int_equal(w->host.prepares, 0);
	put_sized(file, LONG, 1, true);
	wait_items(w, 3001);
	assert_true(w->host.prepares >= 1);
	put_sized(file, LONG, 2, false);
	put_lines(file, "n", 3);
	wait_items(w, 3005);
	wait_saved(w, file);
	sim_close(file);
	world_free(w);
}

/* The line is at the steps. */
static void wait_prepare(struct world *w)
{
	for (int i = 0; !w->host.preparing.batch; i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
	}
}

/* What a file gets while its last line is at the steps is read, although no event tells of it afterwards. */
static void what_is_written_meanwhile_is_read(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	put_lines(file, "n", 1);
	wait_items(w, 1);
	w->host.offers_wait = true;
	put_sized(file, LONG, 1, true);
	wait_prepare(w);
	put_lines(file, "m", 2);
	turns(w, 500);
	assert_int_equal(w->host.count, 1);
	w->host.offers_wait = false;
	fake_host_prepared(&w->host, 0);
	turns(w, 2000); /* no sweep is due */
	assert_int_equal(w->host.count, 4);
	sim_close(file);
	world_free(w);
}

/* It begins anew, so what was at the steps is nobody's any more; and the new beginning is not taken for that. */
static void a_file_that_is_cut_down_meanwhile_begins_anew(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	put_lines(file, "n", 1);
	wait_items(w, 1);
	w->host.offers_wait = true;
	put_sized(file, LONG, 1, true);
	wait_prepare(w);
	sim_truncate(file);
	put_lines(file, "anew", 2);
	turns(w, 500);
	w->host.offers_wait = false;
	fake_host_prepared(&w->host, 0);
	for (int i = 0; i < 3000 && !strstr(w->host.items[w->host.count - 1].data, "anew\":1"); i++)
		turn(w);
	assert_non_null(strstr(w->host.items[w->host.count - 1].data, "anew\":1"));
	assert_true(w->host.items[w->host.count - 1].generation != w->host.items[0].generation);
	assert_int_equal(w->host.items[w->host.count - 2].offset, 0);
	sim_close(file);
	world_free(w);
}

static void add_none(void *context, uint64_t generation)
{
	(void)context;
	(void)generation;
}

/* While the process ends, a file without a name is left aside before its line comes back: the line's memory is not
 * kept. */
static void what_comes_back_for_a_file_that_is_not_read_is_forgotten(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	w->host.hold = w->host.offers_wait = true;
	start(w);
	put_lines(file, "n", 1);
	wait_items(w, 1);
	put_sized(file, LONG, 1, true);
	wait_prepare(w);
	sim_unlink(PATH);
	collector_tail.lasting(w->host.collector, add_none, NULL);
	fake_host_settle(&w->host, w->host.held_count);
	fake_host_prepared(&w->host, 0);
	turns(w, 500);
	assert_int_equal(w->host.count, 1);
	assert_int_equal(budget_used(&w->host.budget), 0);
	sim_close(file);
	world_free(w);
}

/* Steps that find no room: it is read again. */
static void what_steps_have_no_room_for_is_read_again(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	w->host.offers_wait = true;
	put_sized(file, LONG, 1, true);
	for (int i = 0; i < 3; i++) {
		wait_prepare(w);
		fake_host_prepared(&w->host, -ENOMEM);
	}
	w->host.offers_wait = false;
	wait_items(w, 1);
	wait_saved(w, file);
	sim_close(file);
	world_free(w);
}

/* Lines that were not cut, and came without a word of warning. */
static void assert_whole(struct world *w, size_t last_size)
{
	assert_int_equal(w->host.items[w->host.count - 1].size, last_size);
	assert_int_equal(fake_host_number(&w->host, "cut_lines_total"), 0);
	assert_int_equal(w->host.warnings, 0);
}

static size_t size_of_message(size_t text)
{
	return strlen("{\"message\":\"\"}") + text;
}

/* Escaped it is six times as large, which is more than the lane has for it. */
static void a_line_that_grows_comes_whole(void **state)
{
	enum { SIZE = 100 << 10 };
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);
	static char text[SIZE + 2];

	(void)state;
	start(w);
	put_lines(file, "n", 1);
	wait_items(w, 1);
	memset(text, '\x01', SIZE);
	text[SIZE] = '\n';
	put(file, text);
	wait_items(w, 2);
	assert_whole(w, size_of_message(6 * SIZE));
	memset(text, '\xff', SIZE);
	put(file, text);
	wait_items(w, 3);
	assert_whole(w, size_of_message(3 * SIZE));
	memset(text, 'x', SIZE);
	put(file, text);
	wait_items(w, 4);
	assert_whole(w, size_of_message(SIZE));
	wait_saved(w, file);
	sim_close(file);
	world_free(w);
}

/* Each item tells where it comes from, which takes more than the line. */
static void short_lines_around_a_long_one_come_whole(void **state)
{
	enum { BEFORE = 450 };
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	w->config.origin = true;
	start(w);
	for (size_t i = 0; i < BEFORE; i++) /* until slices are large */
		put_sized(file, 20000, i, true);
	wait_items(w, BEFORE);
	put_lines(file, "a_line_of_thirty_byte", 2000);
	put_sized(file, LONG, 1, true);
	put_lines(file, "a_line_of_thirty_byte", 2000);
	wait_items(w, BEFORE + 4001);
	assert_int_equal(fake_host_number(&w->host, "cut_lines_total"), 0);
	assert_int_equal(w->host.warnings, 0);
	wait_saved(w, file);
	sim_close(file);
	world_free(w);
}

/* A read into memory that nobody has used takes about as long as a thousand short lines. */
static void a_long_line_is_read_in_pieces(void **state)
{
	enum { SIZE = 900 << 10 };
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	for (size_t i = 0; i < 3; i++)
		put_sized(file, SIZE, i, i % 2);
	put_lines(file, "n", 2);
	wait_items(w, 5);
	assert_int_equal(w->host.prepares, 3);
	assert_int_equal(fake_host_number(&w->host, "cut_lines_total"), 0);
	assert_true(sim_files_read_most() <= TAIL_FILL_WHOLE);
	wait_saved(w, file);
	sim_close(file);
	world_free(w);
}

/* Between two pieces it becomes another file of that size, which begins alike: none of the old bytes come under a name
 * of the new ones, and none of the new ones is left out. */
static void a_file_that_is_written_anew_between_two_pieces_is_read_anew(void **state)
{
	enum { SIZE = 900 << 10 };
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);
	const struct fake_item *last;
	size_t calls;

	(void)state;
	start(w);
	put_sized(file, 300, 1, true);
	put_lines(file, "before", 9);
	wait_items(w, 10);
	calls = sim_files_calls(SIM_READ);
	put_sized(file, SIZE, 2, true);
	for (int i = 0; sim_files_calls(SIM_READ) < calls + 70; i++) { /* most are for the end of the line */
		assert_true(i < TURNS_MAX);
		turn(w);
	}
	assert_int_equal(w->host.count, 10);
	assert_int_equal(w->host.prepares, 0);
	sim_truncate(file);
	put_sized(file, 300, 1, true);
	put_lines(file, "behind", 9);
	put_sized(file, SIZE, 2, false);
	put_sized(file, 10, 3, true);
	wait_items(w, 10 + 12);
	last = &w->host.items[w->host.count - 1];
	assert_true(last->generation != w->host.items[0].generation);
	assert_memory_equal(w->host.items[w->host.count - 2].data, "{\"message\":\"n 2", 15);
	sim_close(file);
	world_free(w);
}

/* No more is read than the blocks beside it: the kernel makes pages for what is read of a hole. */
static void what_a_file_system_does_not_store_is_not_read(void **state)
{
	enum { HOLE = 3 << 20 };
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);
	static const char zeros[HOLE];

	(void)state;
	start(w);
	for (int i = 0; i < 3; i++) {
		put_lines(file, "n", 1);
		sim_write(file, sim_size(file), (struct bytes){ zeros, HOLE });
		turns(w, 200);
	}
	put_lines(file, "n", 1);
	wait_items(w, 4);
	assert_true(sim_files_read_most() <= TAIL_HOLE_PIECE + TAIL_BEFORE_MAX);
	assert_int_equal(fake_host_number(&w->host, "holes_total"), 3);
	sim_close(file);
	world_free(w);
}

/* Where twice its size has no room, the lane has a long line all the same. */
static void with_little_memory_long_lines_are_for_the_lane_too(void **state)
{
	enum { OTHERS = 4 << 20, SIZE = 750 << 10 };
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	assert_true(budget_take(&w->host.budget, SIGNAL_LOGS, OTHERS));
	put_sized(file, SIZE, 1, false);
	wait_items(w, 1);
	assert_int_equal(w->host.prepares, 1);
	budget_give(&w->host.budget, SIGNAL_LOGS, OTHERS);
	wait_saved(w, file);
	sim_close(file);
	world_free(w);
}

/* Lives of a file among others. */

struct life {
	struct world *w;
	struct sim_inode *file, *old;
	size_t lines, rotations;
};

static void rotate(struct life *l)
{
	char path[64];

	snprintf(path, sizeof path, SIM_ROOT "/old.%zu", l->rotations++);
	sim_rename(PATH, path);
	if (l->old)
		sim_close(l->old);
	l->old = l->file;
	l->file = sim_create(PATH);
}

static void move(struct life *l)
{
	struct world *w = l->w;
	uint64_t what = random_below(&w->random, 20);

	if (what < 6)
		put_sized(l->file, 10 + random_below(&w->random, 300), l->lines++, what % 2);
	else if (what < 10)
		put_sized(l->file, 30000 + random_below(&w->random, 200000), l->lines++, what % 2);
	else if (what == 10)
		rotate(l);
	else if (what == 11)
		w->host.refuse = !w->host.refuse;
	else if (what == 12 && w->host.preparing.batch)
		fake_host_prepared(&w->host, random_below(&w->random, 2) ? 0 : -ENOMEM);
	else if (what == 13 && !w->host.preparing.batch)
		w->host.offers_wait = !w->host.offers_wait;
	else if (what == 14) {
		fake_host_kill(&w->host);
		start(w);
	} else
		turns(w, (int)random_below(&w->random, 200));
}

static void in_random_lives_each_line_comes_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= LIVES; seed++) {
		struct life l = { .w = world_new(true, 1024) };
		const char *paths[] = { SIM_ROOT "/app.log", SIM_ROOT "/old.*" };
		l.w->paths = (struct option_list){ .items = paths, .count = 2 };
		random_seed(&l.w->random, seed);
		l.file = sim_create(PATH);
		start(l.w);
		for (int i = 0; i < MOVES; i++)
			move(&l);
		l.w->host.refuse = l.w->host.offers_wait = false;
		if (l.w->host.preparing.batch)
			fake_host_prepared(&l.w->host, 0);
		wait_items(l.w, l.lines);
		turns(l.w, 500);
		assert_int_equal(l.w->host.count, l.lines);
		sim_close(l.file);
		if (l.old)
			sim_close(l.old);
		world_free(l.w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_lines_are_for_the_lane_and_short_ones_are_not),
		cmocka_unit_test(what_is_written_meanwhile_is_read),
		cmocka_unit_test(a_file_that_is_cut_down_meanwhile_begins_anew),
		cmocka_unit_test(what_steps_have_no_room_for_is_read_again),
		WORLD_TEST(what_comes_back_for_a_file_that_is_not_read_is_forgotten),
		WORLD_TEST(a_line_that_grows_comes_whole),
		WORLD_TEST(short_lines_around_a_long_one_come_whole),
		WORLD_TEST(a_long_line_is_read_in_pieces),
		WORLD_TEST(a_file_that_is_written_anew_between_two_pieces_is_read_anew),
		WORLD_TEST(what_a_file_system_does_not_store_is_not_read),
		WORLD_TEST(with_little_memory_long_lines_are_for_the_lane_too),
		cmocka_unit_test(in_random_lives_each_line_comes_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
