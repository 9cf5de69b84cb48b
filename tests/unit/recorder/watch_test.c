/*
 * The app's process: how it ends is learned from a real one, before its parent has asked and afterwards.
 */
#include "unit/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "recorder/watch.h"
#include "unit/scratch.h"

enum { TURNS_MAX = 10000 };

struct bench {
	struct loop *loop;
	struct lane *disk;
	struct scratch scratch;
	char file[128];
	struct watch watch;
	size_t crashes;
	char how[WATCH_WHY];
	int ends[2]; /* the app ends when this one does */
	pid_t app;
};

static void on_crashed(void *context, const char *how)
{
	struct bench *b = context;

	b->crashes++;
	snprintf(b->how, sizeof b->how, "%s", how);
}

static int setup(void **state)
{
	struct bench *b = oxp_new(sizeof *b);

	assert_int_equal(loop_new(&clock_system, &b->loop), 0);
	assert_int_equal(lane_new(b->loop, "disk", 8, &b->disk), 0);
	scratch_init(&b->scratch, "watch");
	snprintf(b->file, sizeof b->file, "%s/app.pid", b->scratch.path);
	watch_init(&b->watch, &(struct watch_options){ b->loop, b->disk, b->file, on_crashed, b });
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	lane_free(b->disk);
	watch_done(&b->watch);
	loop_free(b->loop);
	scratch_done(&b->scratch);
	free(b);
	return 0;
}

static void live(int end, int status)
{
	char c;

	signal(SIGPIPE, SIG_DFL);
	(void)!read(end, &c, 1);
	if (status >= 0)
		_exit(status);
	signal(-status, SIG_DFL);
	raise(-status);
	_exit(99);
}

/* `status`: an exit status, or less than 0: a signal. */
static void begin(struct bench *b, int status)
{
	FILE *file = fopen(b->file, "w");

	assert_int_equal(pipe(b->ends), 0);
	b->app = fork();
	assert_true(b->app >= 0);
	if (b->app == 0) {
		close(b->ends[1]);
		live(b->ends[0], status);
	}
	close(b->ends[0]);
	fprintf(file, "%d\n", (int)b->app);
	fclose(file);
}

static void turn_until_watched(struct bench *b, bool watched)
{
	for (int i = 0; i < TURNS_MAX && (b->watch.fd >= 0) != watched; i++) {
		if (loop_timer_pending(&b->watch.next))
			loop_timer_set(&b->watch.next, DURATION_MS(1));
		loop_turn(b->loop, DURATION_MS(5));
	}
	assert_int_equal(b->watch.fd >= 0, watched);
}

static void end(struct bench *b)
{
	close(b->ends[1]);
	assert_int_equal(waitid(P_PID, (id_t)b->app, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
}

static void reap(struct bench *b)
{
	assert_int_equal(waitpid(b->app, NULL, 0), b->app);
}

static const struct {
	int status;
	const char *how; /* NULL: no crash */
} rows[] = { { 0, NULL }, { 3, "exit status 3" }, { -SIGSEGV, "signal 11" }, { -SIGKILL, "signal 9" },
	{ -SIGTERM, NULL }, { -SIGINT, NULL } };

static void a_zombie_tells_how_it_ended(void **state)
{
	struct bench *b = *state;
	size_t crashes = 0;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		begin(b, rows[i].status);
		turn_until_watched(b, true);
		end(b);
		turn_until_watched(b, false);
		reap(b);
		crashes += rows[i].how != NULL;
		assert_int_equal(b->crashes, crashes);
		if (rows[i].how)
			assert_non_null(strstr(b->how, rows[i].how));
	}
}

/* Nobody asks how it ended, so it stays a zombie, and its number stays in the file. */
static void a_zombie_is_told_of_once(void **state)
{
	struct bench *b = *state;

	begin(b, 3);
	turn_until_watched(b, true);
	end(b);
	turn_until_watched(b, false);
	assert_int_equal(b->crashes, 1);
	for (int looks = 0; looks < 3 && b->crashes == 1; looks++) {
		loop_timer_set(&b->watch.next, DURATION_MS(0));
		while (loop_timer_pending(&b->watch.next))
			loop_turn(b->loop, DURATION_MS(5));
		while (!loop_timer_pending(&b->watch.next))
			loop_turn(b->loop, DURATION_MS(5));
	}
	assert_int_equal(b->crashes, 1);
	reap(b);
}

/* The kernel tells, since Linux 6.15; before, whatever has ended has crashed. */
static void one_that_was_reaped_is_told_of_by_the_kernel_or_counts_as_a_crash(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		b->crashes = 0;
		begin(b, rows[i].status);
		turn_until_watched(b, true);
		end(b);
		reap(b);
		turn_until_watched(b, false);
		if (rows[i].how)
			assert_int_equal(b->crashes, 1);
		else if (b->crashes)
			assert_non_null(strstr(b->how, "nobody can tell"));
	}
}

/* No file, no number, no process: it is looked for again. */
static void what_is_not_there_is_waited_for(void **state)
{
	static const char *const texts[] = { "", "no number\n", "-5\n", "0\n", "2147483646\n" };
	struct bench *b = *state;

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		FILE *file = fopen(b->file, "w");
		fputs(texts[i], file);
		fclose(file);
		loop_timer_set(&b->watch.next, DURATION_MS(0));
		for (int turn = 0; turn < 10; turn++)
			loop_turn(b->loop, DURATION_MS(5));
		assert_true(b->watch.fd < 0);
		assert_true(loop_timer_pending(&b->watch.next));
	}
	assert_int_equal(b->crashes, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_zombie_tells_how_it_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(a_zombie_is_told_of_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			one_that_was_reaped_is_told_of_by_the_kernel_or_counts_as_a_crash, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_waited_for, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
