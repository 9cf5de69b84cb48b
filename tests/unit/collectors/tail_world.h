/*
 * The tail collector in a simulated world (unit/sim/), with one file to begin with.
 */
#ifndef OXP_TAIL_WORLD_H
#define OXP_TAIL_WORLD_H

#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/tail/config.h"
#include "unit/descriptors.h"
#include "unit/fake_host.h"
#include "unit/sim/files.h"

extern const struct collector_type collector_tail;

enum { MEMORY = 8 << 20, TURNS_MAX = 100000, TICK_MS = 50, SWEEP_S = 10 };

#define PATH SIM_ROOT "/app.log"
/* Longer than what a beginning is known by. */
#define BANNER                                                                                                     \
	"{\"banner\":\"a program that begins each of its files with the same lines: the name of the program, its " \
	"version, where it was built and when, the machine that it runs on, how much memory that has, what its "   \
	"configuration is and where that was read, who wrote it, and some more words that say nothing at all\"}\n"

struct world {
	struct still_clock time;
	struct random random;
	struct loop *loop;
	struct host host;
	struct tail_config config;
	struct option_list paths;
	const char *path;
};

/* `step`: as in sim_files_options. */
static inline struct world *world_new_in_steps(bool births, size_t events_max, struct duration step)
{
	struct world *w = oxp_new(sizeof *w);

	w->time = (struct still_clock)STILL_CLOCK;
	random_seed(&w->random, 1);
	sim_files_begin(&(struct sim_files_options){ .random = &w->random,
		.clock = &w->time.clock,
		.births = births,
		.step = step,
		.reuse = true,
		.events_max = events_max });
	w->path = PATH;
	w->paths = (struct option_list){ .items = &w->path, .count = 1 };
	w->config = (struct tail_config){ .paths = &w->paths,
		.line_max = 1 << 20,
		.sweep = DURATION_S(SWEEP_S),
		.tick = DURATION_MS(TICK_MS),
		.poll_every = DURATION_S(3600) };
	assert_int_equal(loop_new(&w->time.clock, &w->loop), 0);
	fake_host_init(&w->host, w->loop, &collector_tail, MEMORY);
	return w;
}

static inline struct world *world_new(bool births, size_t events_max)
{
	return world_new_in_steps(births, events_max, DURATION_MS(0));
}

static inline void world_free(struct world *w)
{
	fake_host_done(&w->host);
	loop_free(w->loop);
	sim_files_end();
	free(w);
}

static inline void start(struct world *w)
{
	assert_int_equal(collector_tail.create(&w->config, &w->host, &w->host.collector), 0);
	assert_int_equal(collector_tail.start(w->host.collector), 0);
}

static inline void turn(struct world *w)
{
	w->time.ns += DURATION_MS(1).ns;
	loop_turn(w->loop, DURATION_MS(0));
}

static inline void turns(struct world *w, int count)
{
	while (count-- > 0)
		turn(w);
}

static inline void wait_items(struct world *w, size_t count)
{
	for (int i = 0; w->host.count < count; i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
	}
	assert_int_equal(w->host.count, count);
}

static inline void put(struct sim_inode *file, const char *text)
{
	sim_write(file, sim_size(file), bytes_of(text));
}

static inline void put_lines(struct sim_inode *file, const char *what, int count)
{
	char line[128];

	for (int i = 0; i < count; i++) {
		snprintf(line, sizeof line, "{\"%s\":%d}\n", what, i);
		put(file, line);
	}
}

/* The saved position of the only file stands at its end. */
static inline void wait_saved(struct world *w, const struct sim_inode *file)
{
	uint64_t generation = w->host.items[w->host.count - 1].generation;

	for (int i = 0; fake_host_position(&w->host, generation)->offset < sim_size(file); i++) {
		assert_true(i < TURNS_MAX);
		turn(w);
	}
}

/* All of `memory` but less than 512 bytes. */
static inline size_t fill_memory(struct world *w, struct batch *fillers[], size_t room)
{
	size_t count = 0;

	for (size_t size = 1 << 20; size >= 512; size /= 2)
		while (count < room && (fillers[count] = host_batch_new(&w->host, SIGNAL_LOGS))) {
			bool fits = batch_block(fillers[count], size);
			if (!fits)
				batch_free(fillers[count]);
			if (!fits)
				break;
			count++;
		}
	return count;
}

/* A test that failed leaves a world, which would be in the way of the next test. What it had besides its files is
 * leaked, since nobody knows in which callback the test ended. */
static inline int world_left(void **state)
{
	(void)state;
	descriptors_leave_all();
	sim_files_abandon();
	return 0;
}

#define WORLD_TEST(f) cmocka_unit_test_teardown(f, world_left)

#endif
