/*
 * The end of the process with the tail collector, in a simulated world (unit/sim/): what the next run will not find
 * goes to disk once, and what finds no room there is counted.
 */
#include "unit/collectors/tail_world.h"

#include <errno.h>

/* At the end nobody takes anything: what the next run finds is offered by that, and what it does not find went to disk.
 * fake_host_end() counts both, each once. */
static void end_and_start(struct world *w, size_t left, size_t again)
{
	size_t repeated = w->host.repeated;

	fake_host_end(&w->host);
	assert_int_equal(w->host.count, left);
	w->host.hold = w->host.refuse = false;
	start(w);
	wait_items(w, left + again);
	turns(w, 3000);
	assert_int_equal(w->host.count, left + again);
	assert_int_equal(w->host.repeated, repeated);
}

/* NFS and FUSE give a removed file such a name, in the same folder, for as long as somebody has it open. */
static void a_file_that_is_there_only_as_long_as_it_is_open_goes_to_disk(void **state)
{
	static const char *const hidden[] = { "/.nfs0000000000a1b2c3", "/.fuse_hidden0000a1b2" };
	char path[64];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(hidden); i++) {
		struct world *w = world_new(true, 1024);
		struct sim_inode *file = sim_create(PATH);
		start(w);
		put_lines(file, "n", 3);
		wait_items(w, 3);
		w->host.hold = true;
		put_lines(file, "under way", 2);
		wait_items(w, 5);
		w->host.refuse = true;
		put_lines(file, "not read", 4);
		snprintf(path, sizeof path, SIM_ROOT "%s", hidden[i]);
		sim_rename(PATH, path);
		turns(w, 1000);
		sim_close(file);
		fake_host_end(&w->host);
		assert_int_equal(w->host.count, 9);
		world_free(w);
	}
}

/* Renamed beside its name, and so found by the next run: nothing of it goes to disk. */
static void a_file_that_will_be_found_stays_where_it_is(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	put_lines(file, "n", 3);
	wait_items(w, 3);
	wait_saved(w, file);
	w->host.hold = true;
	put_lines(file, "under way", 2);
	wait_items(w, 5);
	sim_rename(PATH, PATH ".1");
	turns(w, 1000);
	end_and_start(w, 3, 2);
	sim_close(file);
	world_free(w);
}

/* Written anew to more than was read of it, while nobody looks since nothing is taken. What it had is under way and
 * nowhere else; what it has now, the next run reads. */
static void what_was_under_way_of_a_file_that_was_written_anew_goes_to_disk(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	put_lines(file, "n", 1);
	wait_items(w, 1);
	wait_saved(w, file);
	w->host.hold = true;
	put_lines(file, "under way", 2);
	wait_items(w, 3);
	w->host.refuse = true;
	sim_truncate(file);
	put_lines(file, "anew", 20);
	end_and_start(w, 3, 20);
	sim_close(file);
	world_free(w);
}

/* Everything that it had was delivered. Then it is cut down, has less than before, and is removed: nobody has that. */
static void what_a_removed_file_has_since_it_was_cut_down_goes_to_disk(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	put_lines(file, "n", 9);
	wait_items(w, 9);
	wait_saved(w, file);
	sim_truncate(file);
	put_lines(file, "m", 2);
	sim_unlink(PATH);
	end_and_start(w, 11, 0);
	sim_close(file);
	world_free(w);
}

/* Time is up. Returns how many turns it takes until the collector has told what is lost. */
static int abandon(struct world *w)
{
	int i = 0;

	collector_tail.abandon(w->host.collector);
	for (; !w->host.left; i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
	}
	return i;
}

static void what_is_not_on_disk_in_time_of_a_file_that_was_cut_down_is_counted(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	put_lines(file, "n", 9);
	wait_items(w, 9);
	wait_saved(w, file);
	sim_truncate(file);
	put_lines(file, "m", 2);
	sim_unlink(PATH);
	collector_tail.stop(w->host.collector);
	collector_tail.leave(w->host.collector);
	abandon(w);
	assert_int_equal(w->host.not_left, 2);
	sim_close(file);
	world_free(w);
}

/* Its last line has no end, and its writer goes on until the process has ended. */
static void a_removed_file_is_left_to_its_last_byte(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	put_lines(file, "n", 1);
	wait_items(w, 1);
	wait_saved(w, file);
	sim_unlink(PATH);
	collector_tail.drain(w->host.collector);
	turns(w, 100);
	put(file, "{\"last\":1}");
	fake_host_end(&w->host);
	assert_int_equal(w->host.count, 2);
	assert_string_equal(w->host.items[1].data, "{\"last\":1}");
	assert_int_equal(fake_host_position(&w->host, w->host.items[1].generation)->offset, sim_size(file));
	sim_close(file);
	world_free(w);
}

/* The disk takes nothing: the lines are counted, and the file is named with its bytes. */
static void what_finds_no_room_on_disk_is_counted_and_named(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	put_lines(file, "n", 1);
	wait_items(w, 1);
	wait_saved(w, file);
	w->host.refuse = true;
	put(file, "{\"a\":1}\n{\"b\":22}\n{\"c\":");
	sim_unlink(PATH);
	turns(w, 1000);
	w->host.commit_error = -ENOSPC;
	fake_host_end(&w->host);
	assert_int_equal(w->host.count, 1);
	assert_int_equal(w->host.not_left, 3);
	assert_non_null(
		strstr(w->host.last_log, PATH ": the next run will not find this file, and 22 bytes of it (3 "));
	sim_close(file);
	world_free(w);
}

/* In the first second there is no room on disk, and at the end there is: nothing is lost, and nothing comes twice. */
static void what_finds_room_on_disk_later_is_not_lost(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	put_lines(file, "n", 1);
	wait_items(w, 1);
	wait_saved(w, file);
	w->host.refuse = true;
	put_lines(file, "not read", 3);
	sim_unlink(PATH);
	collector_tail.drain(w->host.collector);
	turns(w, 1000);
	w->host.commit_error = -ENOSPC;
	collector_tail.leave(w->host.collector);
	turns(w, 1000);
	assert_int_equal(w->host.count, 1);
	w->host.commit_error = 0;
	fake_host_end(&w->host);
	assert_int_equal(w->host.count, 4);
	assert_int_equal(w->host.repeated + w->host.not_left, 0);
	sim_close(file);
	world_free(w);
}

/* Time is up before anything could be read. */
static void what_is_not_on_disk_in_time_is_counted(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	put_lines(file, "n", 1);
	wait_items(w, 1);
	wait_saved(w, file);
	w->host.refuse = true;
	put_lines(file, "not read", 3);
	sim_unlink(PATH);
	turns(w, 1000);
	collector_tail.stop(w->host.collector);
	collector_tail.leave(w->host.collector);
	abandon(w);
	assert_int_equal(w->host.not_left, 3);
	sim_close(file);
	world_free(w);
}

/* Empty lines are no items, so nothing of them goes to the disk, and nothing has to be waited for. */
static void empty_lines_do_not_hold_up_the_end(void **state)
{
	enum { EMPTY = 4 << 20, READS_MOST = 16 };
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);
	char *empty = malloc(EMPTY);

	(void)state;
	memset(empty, '\n', EMPTY);
	start(w);
	put_lines(file, "n", 1);
	wait_items(w, 1);
	wait_saved(w, file);
	w->host.refuse = true;
	put_lines(file, "not read", 1);
	sim_write(file, sim_size(file), (struct bytes){ empty, EMPTY });
	put_lines(file, "last", 1);
	sim_unlink(PATH);
	turns(w, 1000);
	collector_tail.stop(w->host.collector);
	collector_tail.leave(w->host.collector);
	for (int i = 0; !w->host.left; i++) {
		size_t reads = sim_files_calls(SIM_READ);
		assert_true(i < TURNS_MAX);
		turn(w);
		assert_true(sim_files_calls(SIM_READ) - reads <= READS_MOST);
	}
	assert_int_equal(w->host.count, 3);
	sim_close(file);
	world_free(w);
	free(empty);
}

/* It has its name, and what it has now the next run reads. Time is up before anybody has noticed. */
static void what_was_written_anew_is_not_counted_as_lost(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	start(w);
	put_lines(file, "n", 1);
	wait_items(w, 1);
	wait_saved(w, file);
	w->host.refuse = true;
	sim_truncate(file);
	put_lines(file, "anew", 20);
	collector_tail.stop(w->host.collector);
	collector_tail.leave(w->host.collector);
	abandon(w);
	assert_int_equal(w->host.not_left, 0);
	sim_close(file);
	world_free(w);
}

/* A removed file of which a slice is on its way to the disk, on which it finds no room. */
static struct sim_inode *begin_slice(struct world *w, bool stopped)
{
	struct sim_inode *file = sim_create(PATH);

	w->host.refuse = true;
	put_lines(file, "not read", 3);
	start(w);
	turns(w, 1000);
	sim_unlink(PATH);
	w->host.commit_error = -ENOSPC;
	w->host.commit_takes = DURATION_MS(100);
	if (stopped)
		collector_tail.stop(w->host.collector);
	collector_tail.leave(w->host.collector);
	for (int i = 0; !w->host.commits; i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
	}
	return file;
}

/* Begun in the seconds before the very end, and read again by that. */
static void a_slice_that_fails_before_the_very_end_is_not_lost(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = begin_slice(w, false);

	(void)state;
	collector_tail.stop(w->host.collector);
	collector_tail.leave(w->host.collector);
	for (size_t failed = w->host.commits_failed; w->host.commits_failed == failed;)
		turn(w);
	w->host.commit_error = 0;
	for (int i = 0; !w->host.left; i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
	}
	assert_int_equal(w->host.count, 3);
	assert_int_equal(w->host.not_left, 0);
	sim_close(file);
	world_free(w);
}

static void a_slice_that_fails_when_time_is_up_is_counted(void **state)
{
	(void)state;
	for (int stopped = 0; stopped < 2; stopped++) {
		struct world *w = world_new(true, 1024);
		struct sim_inode *file = begin_slice(w, stopped);
		collector_tail.stop(w->host.collector);
		if (!stopped)
			collector_tail.leave(w->host.collector);
		put_lines(file, "behind it", 2);
		abandon(w);
		assert_true(w->host.not_left >= 2);
		turns(w, 1000);
		assert_int_equal(w->host.not_left, 5);
		sim_close(file);
		world_free(w);
	}
}

/* The disk refuses the first file; then there is no room in memory for the second one, which is tried again. */
static void what_is_lost_is_counted_once_though_others_are_tried_again(void **state)
{
	enum { FIRST = 3, SECOND = 5000, FILLERS = 64 };
	struct world *w = world_new(true, 1024);
	struct sim_inode *first = sim_create(SIM_ROOT "/1"), *second = sim_create(SIM_ROOT "/2");
	struct batch *fillers[FILLERS];
	size_t count;

	(void)state;
	w->path = SIM_ROOT "/*";
	w->host.refuse = true;
	put_lines(first, "first", FIRST);
	put_lines(second, "second", SECOND);
	start(w);
	turns(w, 1000);
	sim_unlink(SIM_ROOT "/1");
	sim_unlink(SIM_ROOT "/2");
	w->host.commit_error = -ENOSPC;
	collector_tail.stop(w->host.collector);
	w->host.commit_takes = DURATION_MS(100);
	collector_tail.leave(w->host.collector);
	for (int i = 0; !w->host.commits; i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
	}
	count = fill_memory(w, fillers, FILLERS);
	turns(w, 1000);
	assert_int_equal(w->host.not_left, FIRST);
	while (count > 0)
		batch_free(fillers[--count]);
	for (int i = 0; !w->host.left; i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
	}
	assert_int_equal(w->host.not_left, FIRST + SECOND);
	sim_close(first);
	sim_close(second);
	world_free(w);
}

/* Of several files, which together are larger than what is read to count lines. */
static void the_lines_of_all_that_is_lost_are_counted_up_to_a_ceiling(void **state)
{
	enum { FILES = 2, LINES = 40, LINE = 1 << 20, COUNTED = 64 };
	struct world *w = world_new(true, 1024);
	struct sim_inode *files[FILES];
	char *line = malloc(LINE), name[64];

	(void)state;
	memset(line, 'x', LINE);
	line[LINE - 1] = '\n';
	w->path = SIM_ROOT "/*";
	w->host.refuse = true;
	for (size_t i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, SIM_ROOT "/%zu", i);
		files[i] = sim_create(name);
		for (int n = 0; n < LINES; n++)
			sim_write(files[i], sim_size(files[i]), (struct bytes){ line, LINE });
	}
	start(w);
	turns(w, 3000);
	for (size_t i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, SIM_ROOT "/%zu", i);
		sim_unlink(name);
	}
	collector_tail.stop(w->host.collector);
	collector_tail.leave(w->host.collector);
	assert_true(abandon(w) > COUNTED);
	assert_int_equal(w->host.not_left, COUNTED);
	for (size_t i = 0; i < FILES; i++)
		sim_close(files[i]);
	world_free(w);
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_file_that_is_there_only_as_long_as_it_is_open_goes_to_disk),
		WORLD_TEST(a_file_that_will_be_found_stays_where_it_is),
		WORLD_TEST(what_was_under_way_of_a_file_that_was_written_anew_goes_to_disk),
		WORLD_TEST(what_a_removed_file_has_since_it_was_cut_down_goes_to_disk),
		WORLD_TEST(what_is_not_on_disk_in_time_of_a_file_that_was_cut_down_is_counted),
		WORLD_TEST(a_removed_file_is_left_to_its_last_byte),
		WORLD_TEST(what_finds_no_room_on_disk_is_counted_and_named),
		WORLD_TEST(what_finds_room_on_disk_later_is_not_lost),
		WORLD_TEST(what_is_not_on_disk_in_time_is_counted),
		WORLD_TEST(a_slice_that_fails_before_the_very_end_is_not_lost),
		WORLD_TEST(a_slice_that_fails_when_time_is_up_is_counted),
		WORLD_TEST(empty_lines_do_not_hold_up_the_end),
		WORLD_TEST(what_is_lost_is_counted_once_though_others_are_tried_again),
		WORLD_TEST(what_was_written_anew_is_not_counted_as_lost),
		WORLD_TEST(the_lines_of_all_that_is_lost_are_counted_up_to_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
