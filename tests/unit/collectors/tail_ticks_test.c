/*
 * The clock that births are taken from stands still for some milliseconds. So files that had a name one after another
 * may be born at one moment, and a file may be born before a look at the disk that could not see it.
 */
#include "unit/collectors/tail_world.h"

#include "collectors/tail/births.h"

/* `number` files that have the name one after another since it was `*file`'s, which is the last of them afterwards. */
static void rotate(struct sim_inode **file, int number)
{
	char to[64];

	for (int i = 1; i <= number; i++) {
		snprintf(to, sizeof to, PATH ".%d", i);
		sim_rename(PATH, to);
		sim_close(*file);
		*file = sim_create(PATH);
		put_lines(*file, to + strlen(SIM_ROOT), 2);
	}
}

enum { ROTATIONS = 3, STEP_S = 100 };

static void rotate_within_a_tick(size_t events_max, void (*end)(struct host *))
{
	struct world *w = world_new_in_steps(true, events_max, DURATION_S(STEP_S));
	struct sim_inode *file = sim_create(PATH);

	put_lines(file, "first", 2);
	start(w);
	wait_items(w, 2);
	wait_saved(w, file);
	rotate(&file, ROTATIONS);
	if (end) {
		end(&w->host);
		start(w);
	}
	wait_items(w, 2 + ROTATIONS * 2);
	turns(w, 2 * SWEEP_S * 1000);
	assert_int_equal(w->host.count, 2 + ROTATIONS * 2);
	assert_int_equal(w->host.repeated, 0);
	sim_close(file);
	world_free(w);
}

static void rotations_within_a_tick_of_the_clock_hide_nothing(void **state)
{
	(void)state;
	rotate_within_a_tick(1024, NULL);
	rotate_within_a_tick(4, NULL); /* inotify's queue is full */
	rotate_within_a_tick(1024, fake_host_end);
	rotate_within_a_tick(1024, fake_host_kill);
}

static void wait_look(struct world *w)
{
	uint64_t before = fake_host_number(&w->host, "scans_total");

	for (int i = 0; fake_host_number(&w->host, "scans_total") == before; i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
	}
}

/* They come right after a look, so they seem to be older than that. Nobody has seen the name before. */
static void come_after_a_look(size_t events_max)
{
	struct world *w = world_new_in_steps(true, events_max, DURATION_MS(TAIL_BIRTH_STEP_MS));
	struct sim_inode *file;

	start(w);
	wait_look(w);
	wait_look(w);
	file = sim_create(PATH);
	put_lines(file, "first", 2);
	rotate(&file, ROTATIONS);
	wait_items(w, 2 + ROTATIONS * 2);
	sim_close(file);
	world_free(w);
}

static void what_comes_right_after_a_look_is_new(void **state)
{
	(void)state;
	come_after_a_look(1024);
	come_after_a_look(1); /* inotify's queue is full */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(rotations_within_a_tick_of_the_clock_hide_nothing),
		WORLD_TEST(what_comes_right_after_a_look_is_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
