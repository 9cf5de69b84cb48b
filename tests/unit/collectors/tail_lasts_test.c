/*
 * At the end of the process: which files the next run will find is asked of the file system a few files at a time,
 * however many there are, since probes are answered meanwhile.
 */
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/tail/config.h"
#include "unit/fake_host.h"
#include "unit/sim/files.h"

extern const struct collector_type collector_tail;

/* CALLS_MOST: a callback with that many calls takes less than a millisecond. */
enum { MEMORY = 16 << 20, FILES = 500, TURNS_MAX = 100000, CALLS_MOST = 200, READS_MOST = 50, SWEEP_S = 10 };

struct world {
	struct still_clock time;
	struct random random;
	struct loop *loop;
	struct host host;
	struct tail_config config;
	struct option_list paths;
	const char *path;
	struct sim_inode *files[FILES];
	size_t calls; /* of the file system */
	size_t lasting;
};

static void count_call(void *context)
{
	((struct world *)context)->calls++;
}

static void path_of_file(char path[64], int i, const char *end)
{
	snprintf(path, 64, SIM_ROOT "/app-%d.%s", i, end);
}

static void turn(struct world *w)
{
	w->time.ns += DURATION_MS(1).ns;
	loop_turn(w->loop, DURATION_MS(0));
}

/* One line of each file is under way. */
static int begin(void **state)
{
	struct world *w = oxp_new(sizeof *w);
	char path[64];

	w->time = (struct still_clock)STILL_CLOCK;
	random_seed(&w->random, 1);
	sim_files_begin(&(struct sim_files_options){ .random = &w->random,
		.clock = &w->time.clock,
		.births = true,
		.events_max = 16 * FILES,
		.between = count_call,
		.context = w });
	w->path = SIM_ROOT "/*.log";
	w->paths = (struct option_list){ .items = &w->path, .count = 1 };
	w->config = (struct tail_config){ .paths = &w->paths,
		.line_max = 1 << 20,
		.sweep = DURATION_S(SWEEP_S),
		.tick = DURATION_MS(50),
		.poll_every = DURATION_S(3600) };
	assert_int_equal(loop_new(&w->time.clock, &w->loop), 0);
	fake_host_init(&w->host, w->loop, &collector_tail, MEMORY);
	w->host.hold = true;
	for (int i = 0; i < FILES; i++) {
		path_of_file(path, i, "log");
		w->files[i] = sim_create(path);
		sim_write(w->files[i], 0, bytes_of("{\"line\":1}\n"));
	}
	assert_int_equal(collector_tail.create(&w->config, &w->host, &w->host.collector), 0);
	assert_int_equal(collector_tail.start(w->host.collector), 0);
	for (int i = 0; w->host.count < FILES; i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
	}
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < FILES; i++)
		sim_close(w->files[i]);
	fake_host_done(&w->host);
	loop_free(w->loop);
	sim_files_end();
	free(w);
	return 0;
}

/* The last `lost` of them are removed. */
static void rename_all(struct world *w, int lost)
{
	char from[64], to[64];

	for (int i = 0; i < FILES; i++) {
		path_of_file(from, i, "log");
		path_of_file(to, i, "old");
		if (i < FILES - lost)
			sim_rename(from, to);
		else
			sim_unlink(from);
	}
	for (int i = 0; i < 3 * SWEEP_S * 1000; i++)
		turn(w);
}

static void count_lasting(void *context, uint64_t generation)
{
	(void)generation;
	((struct world *)context)->lasting++;
}

static void look(struct world *w)
{
	size_t before;

	for (bool known = false, anew = true; !known; anew = false) {
		before = w->calls;
		known = collector_tail.look(w->host.collector, anew);
		assert_in_range(w->calls - before, 0, CALLS_MOST);
	}
}

static void ask(struct world *w)
{
	w->lasting = 0;
	collector_tail.lasting(w->host.collector, count_lasting, w);
}

static void files_are_looked_at_a_few_at_a_time(void **state)
{
	struct world *w = *state;
	size_t before;

	rename_all(w, 100);
	look(w);
	before = w->calls;
	ask(w);
	assert_int_equal(w->calls, before);
	assert_int_equal(w->lasting, FILES - 100);
}

/* An answer counts until it was asked for. */
static void what_is_removed_later_is_found_out_anew(void **state)
{
	struct world *w = *state;
	char path[64];

	rename_all(w, 0);
	look(w);
	ask(w);
	assert_int_equal(w->lasting, FILES);
	path_of_file(path, 7, "old");
	sim_unlink(path);
	look(w);
	ask(w);
	assert_int_equal(w->lasting, FILES - 1);
	path_of_file(path, 8, "old");
	sim_unlink(path);
	ask(w); /* without a look before it */
	assert_int_equal(w->lasting, FILES - 2);
}

/* Last lines without an end, of files that nobody writes to any more, are lines if the next run does not find them. */
static void last_lines_are_looked_at_a_few_at_a_time(void **state)
{
	struct world *w = *state;
	size_t before;

	w->host.hold = false;
	fake_host_settle(&w->host, w->host.held_count);
	for (int i = 0; i < FILES; i++)
		sim_write(w->files[i], sim_size(w->files[i]), bytes_of("{\"last\":1}"));
	rename_all(w, 0);
	collector_tail.drain(w->host.collector);
	for (int i = 0; !collector_tail.quiet(w->host.collector); i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
		before = sim_files_calls(SIM_READ);
		(void)collector_tail.quiet(w->host.collector);
		assert_in_range(sim_files_calls(SIM_READ) - before, 0, READS_MOST);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_are_looked_at_a_few_at_a_time, begin, end),
		cmocka_unit_test_setup_teardown(what_is_removed_later_is_found_out_anew, begin, end),
		cmocka_unit_test_setup_teardown(last_lines_are_looked_at_a_few_at_a_time, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
