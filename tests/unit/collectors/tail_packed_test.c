/*
 * Compressed files of the tail collector, at an end of the process between any two turns of the loop. The lane has done
 * what it was given by each of them, so the same turn finds the same state each time.
 */
#include "unit/scratch.h"

#include <semaphore.h>

#include "collectors/tail/config.h"
#include "collectors/tail/tail.h"
#include "unit/fake_host.h"

extern const struct collector_type collector_tail;

enum { MEMORY = 8 << 20, TURNS_MAX = 1000, OTHERS = 70 };

/* {"a":1} */
static const char packed[] =
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x4a\x54\xb2\x32\xac\xe5\x02\x00\x46\xa3\xe8"
	"\x74\x08\x00\x00\x00";

struct world {
	struct scratch folder;
	struct loop *loop;
	struct host host;
	struct tail_config config;
	char glob[96];
	const char *paths[1];
	struct option_list list;
	struct job job;
	sem_t worked;
};

/* An hour has gone by since the files were written, so nobody writes to them any more. */
static struct wall_time an_hour_later(const struct clock *clock)
{
	return (struct wall_time){ clock_system.wall(clock).ns + DURATION_S(3600).ns };
}

static struct mono_time mono(const struct clock *clock)
{
	return clock_system.mono(clock);
}

static const struct clock later = { an_hour_later, mono };

static void put(const struct world *w, const char *name, const void *data, size_t size)
{
	int fd = openat(w->folder.fd, name, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof *w);
	char name[16];

	scratch_init(&w->folder, "packed");
	snprintf(w->glob, sizeof w->glob, "%s/*", w->folder.path);
	w->paths[0] = w->glob;
	w->list = (struct option_list){ .items = w->paths, .count = 1 };
	w->config = (struct tail_config){ .paths = &w->list,
		.line_max = 1 << 20,
		.sweep = DURATION_S(3600),
		.tick = DURATION_MS(1),
		.poll_every = DURATION_S(3600),
		.gzip = true };
	put(w, "a", packed, sizeof packed - 1);
	for (int i = 0; i < OTHERS; i++) {
		snprintf(name, sizeof name, "other%d", i);
		put(w, name, "", 0);
	}
	sem_init(&w->worked, 0, 0);
	assert_int_equal(loop_new(&later, &w->loop), 0);
	fake_host_init(&w->host, w->loop, &collector_tail, MEMORY);
	return w;
}

static void world_free(struct world *w)
{
	fake_host_done(&w->host);
	loop_free(w->loop);
	sem_destroy(&w->worked);
	scratch_done(&w->folder);
	free(w);
}

static void tell(struct job *job)
{
	sem_post(&CONTAINER_OF(job, struct world, job)->worked);
}

static void forget(struct job *job)
{
	job->work = NULL;
}

static void turn(struct world *w)
{
	loop_turn(w->loop, DURATION_MS(5));
	if (w->job.work)
		return;
	w->job = (struct job){ .work = tell, .done = forget };
	assert_int_equal(lane_run(w->host.cpu, &w->job), 0);
	while (sem_wait(&w->worked) < 0)
		continue;
}

/* True: it was read within that many turns. */
static bool live(struct world *w, int most)
{
	assert_int_equal(collector_tail.create(&w->config, &w->host, &w->host.collector), 0);
	assert_int_equal(collector_tail.start(w->host.collector), 0);
	for (int i = 0; w->host.count == 0 && i < most; i++)
		turn(w);
	return w->host.count > 0;
}

static void the_process_may_end_at_any_turn(void **state)
{
	(void)state;
	for (int most = 0;; most++) {
		struct world *w = world_new();
		bool read = live(w, most);
		fake_host_end(&w->host);
		if (w->host.count == 0) /* not read, or under way: the next run reads it */
			assert_true(live(w, TURNS_MAX));
		assert_int_equal(w->host.count, 1);
		assert_string_equal(w->host.items[0].data, "{\"a\":1}");
		world_free(w);
		if (read)
			break;
		assert_true(most < TURNS_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_process_may_end_at_any_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
