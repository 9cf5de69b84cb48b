/*
 * The tail collector at moments that only a simulated world (unit/sim/) can give for sure: how often is read, a queue
 * of inotify that is full while names change, an inode that is another file's by now, calls that fail once.
 */
#include "unit/collectors/tail_world.h"

#include <errno.h>

static void a_file_that_changes_all_the_time_is_read_once_a_tick(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);
	size_t asked, reads;

	(void)state;
	put_lines(file, "before", 1);
	start(w);
	wait_items(w, 1);
	turns(w, 1000);
	asked = w->host.asked;
	reads = sim_files_calls(SIM_READ);
	for (int i = 0; i < 20 * TICK_MS; i++) {
		put_lines(file, "n", 1);
		turn(w);
	}
	turns(w, 3 * TICK_MS);
	assert_int_equal(w->host.count, 1 + 20 * TICK_MS);
	assert_in_range(w->host.asked - asked, 10, 22);
	assert_in_range(sim_files_calls(SIM_READ) - reads, 10, 2 * 22);
	sim_close(file);
	world_free(w);
}

/* 20 MB/s: how many lines wait at most, once it is known how fast they come. What is read soon after it was written is
 * not lost with a file that is cut down. */
static void files_that_are_written_fast_are_read_more_often(void **state)
{
	enum { FILES = 4, LINES = 5, MS = 180, PADDING = 1000 };
	struct world *w = world_new(true, 1024);
	struct sim_inode *files[FILES];
	char line[PADDING + 64];
	size_t written = 0, waiting = 0;

	(void)state;
	w->path = SIM_ROOT "/*.log";
	for (int i = 0; i < FILES; i++) {
		snprintf(line, sizeof line, SIM_ROOT "/%d.log", i);
		files[i] = sim_create(line);
	}
	start(w);
	turns(w, 1000);
	for (int ms = 0; ms < MS; ms++) {
		for (int i = 0; i < FILES * LINES; i++, written++) {
			snprintf(line, sizeof line, "{\"n\":%zu,\"x\":\"%0*d\"}\n", written, PADDING, 0);
			put(files[i % FILES], line);
		}
		turn(w);
		if (ms > 3 * TICK_MS - 5 && written - w->host.count > waiting)
			waiting = written - w->host.count;
	}
	assert_in_range(waiting, 1, LINES * FILES * TICK_MS / 4);
	wait_items(w, written);
	for (int i = 0; i < FILES; i++)
		sim_close(files[i]);
	world_free(w);
}

/* What inotify had to say of the rotations is lost. */
static void a_full_queue_hides_no_rotation(void **state)
{
	struct world *w = world_new(true, 4);
	struct sim_inode *files[4] = { sim_create(PATH) };
	char to[64];

	(void)state;
	put_lines(files[0], "first", 2);
	start(w);
	wait_items(w, 2);
	for (int i = 0; i < 3; i++) {
		put_lines(files[i], "late", 2);
		snprintf(to, sizeof to, PATH ".%d", i + 1);
		w->time.ns += DURATION_MS(10).ns;
		sim_rename(PATH, to);
		files[i + 1] = sim_create(PATH);
		put_lines(files[i + 1], to + strlen(SIM_ROOT), 2);
		put_lines(files[i], "after", 1);
	}
	assert_true(sim_files_overflows() > 0);
	wait_items(w, 2 + 3 * 3 + 3 * 2);
	for (int i = 0; i < 4; i++)
		sim_close(files[i]);
	world_free(w);
}

/* Created, written and rotated within a tick: by the time of the next scan, no file has the name. */
static void rotate_unseen(const char *glob, bool successor)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *files[3] = { NULL };
	size_t count = 0;

	w->path = glob;
	start(w);
	turns(w, 1000);
	for (int i = 0; i < 2; i++) {
		files[count] = sim_create(PATH);
		put_lines(files[count++], "unseen", 2);
		w->time.ns += DURATION_MS(10).ns;
		sim_rename(PATH, i ? PATH ".2" : PATH ".1");
	}
	turns(w, 1000);
	if (successor) {
		files[count] = sim_create(PATH);
		put_lines(files[count++], "seen", 1);
	}
	wait_items(w, successor ? 5 : 4);
	while (count > 0)
		sim_close(files[--count]);
	world_free(w);
}

static void a_file_whose_name_no_scan_has_seen_is_read(void **state)
{
	(void)state;
	rotate_unseen(SIM_ROOT "/*.log", true);
	rotate_unseen(SIM_ROOT "/*.log", false);
	rotate_unseen(PATH, true);
}

/* Rotated twice while nobody ran; the last run has not seen the name, and there may be none that has it now. */
static void rotate_while_down(bool successor)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *other = sim_create(SIM_ROOT "/other.log"), *file = sim_create(SIM_ROOT "/aside");
	size_t count = 1 + 2 * 2;

	w->path = SIM_ROOT "/*.log";
	put_lines(other, "other", 1);
	start(w);
	wait_items(w, 1);
	wait_saved(w, other);
	fake_host_end(&w->host);
	for (int i = 0; i < 2; i++) {
		w->time.ns += DURATION_MS(100).ns;
		sim_close(file);
		file = sim_create(PATH);
		put_lines(file, "down", 2);
		sim_rename(PATH, i ? PATH ".1" : PATH ".2");
	}
	if (successor) {
		sim_close(file);
		file = sim_create(PATH);
		put_lines(file, "now", 2);
		count += 2;
	}
	w->time.ns += DURATION_MS(100).ns;
	start(w);
	wait_items(w, count);
	assert_int_equal(w->host.repeated, 0);
	sim_close(file);
	sim_close(other);
	world_free(w);
}

static void a_name_that_came_and_was_rotated_while_nobody_ran_is_read(void **state)
{
	(void)state;
	rotate_while_down(true);
	rotate_while_down(false);
}

/* Clocks that are set. */

enum { DAYS = 3, DAY_S = 24 * 3600 };

/* `number` files that had the name one after another since it was `*file`'s, which is the last of them afterwards. */
static void rotate(struct world *w, struct sim_inode **file, int number, const char *what)
{
	static int rotations;
	char to[64];

	for (int i = 0; i < number; i++) {
		snprintf(to, sizeof to, PATH ".%d", ++rotations);
		w->time.ns += DURATION_MS(10).ns;
		sim_rename(PATH, to);
		sim_close(*file);
		*file = sim_create(PATH);
		put_lines(*file, what, 2);
	}
}

/* A birth does not tell who had a name after whom if the clock was set in between. `set` sets it, at some moment. */
static void the_clock_is_set(int days, void (*set)(struct world *, struct sim_inode **, int64_t by))
{
	struct world *w = world_new(true, 4);
	struct sim_inode *file = sim_create(PATH);

	w->path = SIM_ROOT "/*.log";
	put_lines(file, "first", 2);
	start(w);
	wait_items(w, 2);
	rotate(w, &file, 1, "second");
	wait_items(w, 4);
	set(w, &file, DURATION_S((int64_t)days * DAY_S).ns);
	assert_int_equal(w->host.repeated, 0);
	sim_close(file);
	world_free(w);
}

static void let_rotated_files_go(struct world *w)
{
	turns(w, 2 * SWEEP_S * 1000);
	for (int i = 0; fake_host_number(&w->host, "files") > 1; i++) {
		assert_true(i < 100);
		turns(w, SWEEP_S * 1000);
	}
}

static void while_it_runs(struct world *w, struct sim_inode **file, int64_t by)
{
	let_rotated_files_go(w);
	w->time.set = by;
	rotate(w, file, 3, "third");
	wait_items(w, 4 + 6);
	let_rotated_files_go(w);
	rotate(w, file, 1, "fourth");
	wait_items(w, 12);
	let_rotated_files_go(w);
	w->time.ns += DURATION_S(2LL * DAYS * DAY_S).ns;
	rotate(w, file, 3, "fifth");
	wait_items(w, 18);
	let_rotated_files_go(w);
	assert_int_equal(w->host.count, 18);
}

static void while_it_is_down(struct world *w, struct sim_inode **file, int64_t by)
{
	wait_saved(w, *file);
	fake_host_end(&w->host);
	w->time.set = by;
	rotate(w, file, 3, "third");
	start(w);
	wait_items(w, 4 + 6);
	let_rotated_files_go(w);
	assert_int_equal(w->host.count, 10);
}

static void before_it_is_down(struct world *w, struct sim_inode **file, int64_t by)
{
	w->time.set = by;
	turns(w, 2 * SWEEP_S * 1000);
	put_lines(*file, "more", 1);
	wait_items(w, 5);
	wait_saved(w, *file);
	fake_host_end(&w->host);
	rotate(w, file, 3, "third");
	start(w);
	wait_items(w, 5 + 6);
	let_rotated_files_go(w);
	assert_int_equal(w->host.count, 11);
}

/* A name that nobody had: those that had it before one looks are found beside it. */
static void before_there_is_a_file(struct world *w, struct sim_inode **file, int64_t by)
{
	char to[64];

	turns(w, 2 * SWEEP_S * 1000);
	w->time.set = by;
	sim_unlink(PATH);
	sim_close(*file);
	*file = sim_create(SIM_ROOT "/new.log");
	put_lines(*file, "third", 2);
	for (int i = 0; i < 2; i++) {
		snprintf(to, sizeof to, SIM_ROOT "/new.log.%d", i);
		w->time.ns += DURATION_MS(20).ns;
		sim_rename(SIM_ROOT "/new.log", to);
		sim_close(*file);
		*file = sim_create(SIM_ROOT "/new.log");
		put_lines(*file, "fourth", 2);
	}
	wait_items(w, 4 + 6);
	let_rotated_files_go(w);
	assert_int_equal(w->host.count, 10);
}

#define CLOCK_TEST(name, days, set)          \
	static void name(void **state)       \
	{                                    \
		(void)state;                 \
		the_clock_is_set(days, set); \
	}

CLOCK_TEST(a_clock_that_is_set_back_hides_no_rotation, -DAYS, while_it_runs)
CLOCK_TEST(a_clock_that_is_set_forth_hides_no_rotation, DAYS, while_it_runs)
CLOCK_TEST(a_clock_that_is_set_back_meanwhile_hides_no_rotation, -DAYS, while_it_is_down)
CLOCK_TEST(a_clock_that_is_set_forth_meanwhile_hides_no_rotation, DAYS, while_it_is_down)
CLOCK_TEST(a_clock_that_was_set_back_hides_no_later_rotation, -DAYS, before_it_is_down)
CLOCK_TEST(a_clock_that_was_set_forth_hides_no_later_rotation, DAYS, before_it_is_down)
CLOCK_TEST(a_clock_that_is_set_back_hides_no_new_file, -DAYS, before_there_is_a_file)
CLOCK_TEST(a_clock_that_is_set_forth_hides_no_new_file, DAYS, before_there_is_a_file)

/* Copies. */

/* What a file had is copied, and the file is cut down and goes on. */
static void copy_and_cut(struct world *w, struct sim_inode *file, const char *to)
{
	struct sim_inode *copy = sim_create(to);

	put_lines(copy, "first", 2);
	sim_close(copy);
	sim_truncate(file);
	put_lines(file, "second", 2);
	w->time.ns += DURATION_S(DAYS * DAY_S).ns;
}

/* Nothing of it was delivered, so its beginning is all that tells a copy of it from older copies: that one is as young
 * as the last look of the last run. An older one begins alike. */
static void a_copy_is_made_and_a_run_ends_after(int later)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *older = sim_create(PATH ".2"), *file;

	put_lines(older, "first", 3);
	sim_close(older);
	w->time.ns += DURATION_S(DAYS * DAY_S).ns;
	file = sim_create(PATH);
	put_lines(file, "first", 2);
	w->host.refuse = true;
	start(w);
	turns(w, 1000);
	assert_int_equal(fake_host_position(&w->host, 1)->head_size, sim_size(file));
	fake_host_kill(&w->host);
	copy_and_cut(w, file, PATH ".1");
	start(w);
	turns(w, later); /* so it may be known or not */
	fake_host_kill(&w->host);
	w->time.ns += DURATION_S(DAYS * DAY_S).ns;
	w->host.refuse = false;
	start(w);
	wait_items(w, 4);
	turns(w, 2 * SWEEP_S * 1000);
	assert_int_equal(w->host.count, 4);
	sim_close(file);
	world_free(w);
}

static void a_copy_that_was_made_while_nobody_looked_is_read(void **state)
{
	(void)state;
	for (int later = 0; later < 80; later++)
		a_copy_is_made_and_a_run_ends_after(later);
}

/* The inode and the beginning are those of the file that was there: it is told by its birth, and where there is none
 * by what stands before the offset that was saved. */
static void an_inode_is_used_again(bool births)
{
	struct world *w = world_new(births, 1024);
	struct sim_inode *file = sim_create(PATH);
	uint64_t number = sim_number(file);

	put(file, BANNER);
	put_lines(file, "one", 5);
	start(w);
	wait_items(w, 6);
	wait_saved(w, file);
	fake_host_end(&w->host);
	w->time.ns += DURATION_S(1).ns;
	sim_unlink(PATH);
	sim_close(file);
	file = sim_create(PATH);
	assert_int_equal(sim_number(file), number);
	put(file, BANNER);
	put_lines(file, "other", 20);
	start(w);
	wait_items(w, 6 + 21);
	assert_int_not_equal(w->host.items[6].generation, w->host.items[5].generation);
	assert_int_equal(w->host.items[6].offset, 0);
	sim_close(file);
	world_free(w);
}

static void an_inode_that_is_used_again_is_told_by_its_birth(void **state)
{
	(void)state;
	an_inode_is_used_again(true);
}

static void an_inode_that_is_used_again_is_told_by_what_it_has(void **state)
{
	(void)state;
	an_inode_is_used_again(false);
}

/* Once: opening, or reading its beginning. It is the same file afterwards. */
static void a_call_fails_at_the_start(enum sim_call call, int error)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	put(file, BANNER);
	put_lines(file, "one", 5);
	start(w);
	wait_items(w, 6);
	wait_saved(w, file);
	fake_host_end(&w->host);
	put_lines(file, "more", 2);
	sim_files_fail(call, 1, error);
	start(w);
	turns(w, 3 * SWEEP_S * 1000);
	assert_int_equal(w->host.count, 6);
	assert_true(fake_host_number(&w->host, "read_errors_total") > 0);
	sim_files_fail(call, 0, 0);
	wait_items(w, 8);
	assert_int_equal(w->host.repeated, 0);
	assert_int_equal(w->host.items[7].generation, w->host.items[0].generation);
	sim_close(file);
	world_free(w);
}

static void a_file_that_cannot_be_read_for_a_while_is_the_same_file(void **state)
{
	(void)state;
	a_call_fails_at_the_start(SIM_READ, EIO);
	a_call_fails_at_the_start(SIM_OPEN, EMFILE);
	a_call_fails_at_the_start(SIM_OPEN, EACCES);
}

static void a_read_that_fails_while_following_changes_nothing(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	put_lines(file, "one", 5);
	start(w);
	wait_items(w, 5);
	sim_files_fail(SIM_READ, 2, EIO);
	for (int i = 0; i < 100; i++) {
		put_lines(file, "more", 1);
		turns(w, SWEEP_S * 100);
	}
	sim_files_fail(SIM_READ, 0, 0);
	wait_items(w, 105);
	assert_int_equal(fake_host_number(&w->host, "truncations_total"), 0);
	assert_int_equal(w->host.items[104].generation, w->host.items[0].generation);
	sim_close(file);
	world_free(w);
}

/* Files get half of the descriptors that are left, and eight of these have files that were rotated and are read: those
 * that have their names need them. */
static void rotated_files_make_room_for_those_that_cannot_be_opened(void **state)
{
	enum { FILES = 8, LEFT = 3 * FILES };
	struct world *w = world_new(true, 1024);
	struct sim_inode *files[2 * FILES];
	char path[64], to[64];

	(void)state;
	descriptors_leave(LEFT);
	w->path = SIM_ROOT "/*.log";
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof path, SIM_ROOT "/%d.log", i);
		files[i] = sim_create(path);
		put_lines(files[i], "one", 1);
	}
	start(w);
	wait_items(w, FILES);
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof path, SIM_ROOT "/%d.log", i);
		snprintf(to, sizeof to, SIM_ROOT "/%d.log.1", i);
		w->time.ns += DURATION_MS(10).ns;
		sim_rename(path, to);
		files[FILES + i] = sim_create(path);
		put_lines(files[FILES + i], "two", 1);
	}
	turns(w, 1000);
	assert_true(w->host.count < 2 * FILES);
	turns(w, 5 * SWEEP_S * 1000);
	assert_int_equal(w->host.count, 2 * FILES);
	descriptors_leave_all();
	for (int i = 0; i < 2 * FILES; i++)
		sim_close(files[i]);
	world_free(w);
}

/* The offset behind a hole is not within a line. */
static void a_line_behind_a_hole_is_whole_after_a_restart(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);

	(void)state;
	sim_write(file, 5000, bytes_of("{\"half\""));
	start(w);
	while (fake_host_number(&w->host, "holes_total") == 0)
		turn(w);
	turns(w, 1000);
	assert_int_equal(fake_host_position(&w->host, 1)->offset, 5000);
	fake_host_end(&w->host);
	put(file, ":1}\n{\"next\":2}\n");
	start(w);
	wait_items(w, 2);
	assert_string_equal(w->host.items[0].data, "{\"half\":1}");
	sim_close(file);
	world_free(w);
}

/* What is held is read again together with what follows it. */
static void a_hole_where_lines_were_held_is_no_line(void **state)
{
	static const struct option_list no_shapes = { .items = NULL };
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH);
	uint64_t held;

	(void)state;
	w->config.multiline.start = "message";
	w->config.multiline.shapes = &no_shapes;
	start(w);
	turns(w, 100);
	put(file, "message that may go on\n");
	turns(w, 2 * TICK_MS);
	held = sim_size(file);
	sim_truncate(file);
	sim_write(file, held, bytes_of("message behind it\n"));
	wait_items(w, 1);
	assert_string_equal(w->host.items[0].data, "{\"message\":\"message behind it\"}");
	assert_int_equal(fake_host_number(&w->host, "truncations_total"), 1);
	sim_close(file);
	world_free(w);
}

/* The process dies while some of the files that had the name meanwhile cannot be read. Which reads fail is chance. */
static void rotated_files_that_cannot_be_read_are_found_after_a_kill(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world *w = world_new(true, 1024);
		struct sim_inode *file = sim_create(PATH);

		random_seed(&w->random, seed);
		put_lines(file, "first", 2);
		start(w);
		wait_items(w, 2);
		wait_saved(w, file);
		fake_host_end(&w->host);
		rotate(w, &file, 1, "second");
		rotate(w, &file, 1, "third");
		rotate(w, &file, 1, "fourth");
		sim_files_fail(SIM_READ, 2, EIO);
		start(w);
		turns(w, 100);
		fake_host_kill(&w->host);
		sim_files_fail(SIM_READ, 0, 0);
		start(w);
		wait_items(w, 2 + 3 * 2);
		sim_close(file);
		world_free(w);
	}
}

/* Nothing but its position tells the next run to look for it. */
static void a_file_that_could_not_be_opened_is_saved_once_there_is_room_on_disk(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *first = sim_create(PATH), *second, *third;

	(void)state;
	put_lines(first, "first", 2);
	start(w);
	wait_items(w, 2);
	wait_saved(w, first);
	fake_host_end(&w->host);
	sim_unlink(PATH);
	sim_close(first);
	second = sim_create(PATH);
	put_lines(second, "second", 2);
	w->time.ns += DURATION_MS(100).ns;
	w->host.commit_error = -ENOSPC;
	sim_files_fail(SIM_OPEN, 1, EACCES);
	start(w);
	for (int i = 0; w->host.commits_failed == 0; i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
	}
	w->host.commit_error = 0;
	turns(w, 3000);
	fake_host_kill(&w->host);
	sim_files_fail(SIM_OPEN, 0, 0);
	sim_rename(PATH, PATH ".1");
	third = sim_create(PATH);
	put_lines(third, "third", 2);
	w->time.ns += DURATION_MS(100).ns;
	start(w);
	wait_items(w, 6);
	sim_close(second);
	sim_close(third);
	world_free(w);
}

/* Other processes of the user have all instances of inotify. */
static void without_inotify_files_are_asked_until_it_is_there(void **state)
{
	struct world *w = world_new(true, 1024);
	struct sim_inode *file = sim_create(PATH), *next;

	(void)state;
	w->config.poll_every = DURATION_MS(250);
	put_lines(file, "one", 2);
	sim_files_fail(SIM_NOTIFY, 1, EMFILE);
	start(w);
	assert_non_null(strstr(w->host.last_log, "inotify cannot be used"));
	wait_items(w, 2);
	put_lines(file, "more", 1);
	turns(w, 2000);
	assert_int_equal(w->host.count, 3);
	sim_rename(PATH, PATH ".1");
	put_lines(file, "late", 1);
	next = sim_create(PATH);
	put_lines(next, "next", 1);
	turns(w, 2000);
	assert_int_equal(w->host.count, 5);
	assert_int_equal(w->host.warnings, 1);
	sim_files_fail(SIM_NOTIFY, 0, 0);
	turns(w, 2 * SWEEP_S * 1000);
	assert_non_null(strstr(w->host.last_log, "inotify can be used now"));
	put_lines(next, "told", 1);
	turns(w, 3 * TICK_MS);
	assert_int_equal(w->host.count, 6);
	sim_close(file);
	sim_close(next);
	world_free(w);
}

/* 100 KiB of a line that has not ended. */
static void begin_long_line(struct sim_inode *file)
{
	char line[(100 << 10) + 1] = "{";

	memset(line + 1, ' ', sizeof line - 2);
	line[sizeof line - 1] = '\0';
	put(file, line);
}

/* For a minute, which is far longer than what a line waits that finds no room though nobody else has any. */
static void a_long_line_waits_while_others_hold_the_room(void **state)
{
	enum { FILLERS = 64, MINUTE_MS = 60000 };

	(void)state;
	for (int backed_up = 0; backed_up < 2; backed_up++) {
		struct world *w = world_new(true, 1024);
		struct sim_inode *file = sim_create(PATH);
		struct batch *fillers[FILLERS];
		size_t count = 0;
		put_lines(file, "before", 1);
		start(w);
		wait_items(w, 1);
		begin_long_line(file);
		turns(w, 1000);
		if (!backed_up)
			count = fill_memory(w, fillers, FILLERS);
		w->host.backed_up = backed_up;
		put(file, "}\n");
		turns(w, MINUTE_MS);
		while (count > 0)
			batch_free(fillers[--count]);
		w->host.backed_up = false;
		wait_items(w, 2);
		assert_int_equal(w->host.items[1].size, (100 << 10) + 1);
		assert_int_equal(fake_host_number(&w->host, "cut_lines_total"), 0);
		sim_close(file);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_file_that_changes_all_the_time_is_read_once_a_tick),
		WORLD_TEST(files_that_are_written_fast_are_read_more_often),
		WORLD_TEST(a_clock_that_is_set_back_hides_no_rotation),
		WORLD_TEST(a_clock_that_is_set_forth_hides_no_rotation),
		WORLD_TEST(a_clock_that_is_set_back_meanwhile_hides_no_rotation),
		WORLD_TEST(a_clock_that_is_set_forth_meanwhile_hides_no_rotation),
		WORLD_TEST(a_clock_that_was_set_back_hides_no_later_rotation),
		WORLD_TEST(a_clock_that_was_set_forth_hides_no_later_rotation),
		WORLD_TEST(a_clock_that_is_set_back_hides_no_new_file),
		WORLD_TEST(a_clock_that_is_set_forth_hides_no_new_file),
		WORLD_TEST(a_full_queue_hides_no_rotation),
		WORLD_TEST(a_file_whose_name_no_scan_has_seen_is_read),
		WORLD_TEST(a_name_that_came_and_was_rotated_while_nobody_ran_is_read),
		WORLD_TEST(a_copy_that_was_made_while_nobody_looked_is_read),
		WORLD_TEST(an_inode_that_is_used_again_is_told_by_its_birth),
		WORLD_TEST(an_inode_that_is_used_again_is_told_by_what_it_has),
		WORLD_TEST(a_file_that_cannot_be_read_for_a_while_is_the_same_file),
		WORLD_TEST(a_read_that_fails_while_following_changes_nothing),
		WORLD_TEST(rotated_files_make_room_for_those_that_cannot_be_opened),
		WORLD_TEST(a_line_behind_a_hole_is_whole_after_a_restart),
		WORLD_TEST(a_hole_where_lines_were_held_is_no_line),
		WORLD_TEST(rotated_files_that_cannot_be_read_are_found_after_a_kill),
		WORLD_TEST(a_file_that_could_not_be_opened_is_saved_once_there_is_room_on_disk),
		WORLD_TEST(without_inotify_files_are_asked_until_it_is_there),
		WORLD_TEST(a_long_line_waits_while_others_hold_the_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
