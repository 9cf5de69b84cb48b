/*
 * What the process tells of itself, beside what the kernel tells of it.
 */
#include "unit/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loop/loop.h"
#include "status/process_rows.h"

enum { OPENED = 3, MOVED_MS = 1000, TOUCHED = 16 << 20 };

struct fixture {
	struct still_clock clock;
	struct loop *loop;
	struct counters counters;
	struct process_rows rows;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){ .clock = STILL_CLOCK };
	assert_int_equal(loop_new(&f->clock.clock, &f->loop), 0);
	process_rows_init(&f->rows, &f->counters, f->loop, "1.2.3");
}

static void end(struct fixture *f)
{
	counters_done(&f->counters);
	loop_free(f->loop);
}

static const struct counter *row(const struct fixture *f, const char *name)
{
	for (const struct counter *c = f->counters.first; c; c = c->next)
		if (strcmp(c->name, name) == 0)
			return c;
	fail_msg("no row %s", name);
	return NULL;
}

static double value(const struct fixture *f, const char *name)
{
	const struct counter *c = row(f, name);

	return c->read(c->context);
}

static void pass(struct fixture *f, int64_t ms)
{
	f->clock.ns += ms * 1000000;
	loop_turn(f->loop, DURATION_MS(0));
}

static void the_version_is_a_label(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	assert_string_equal(row(&f, "build_info")->labels, "version=\"1.2.3\"");
	assert_int_equal(row(&f, "build_info")->value, 1);
	end(&f);
}

static void descriptors_are_counted_once_a_second(void **state)
{
	int opened[OPENED];
	struct fixture f;
	double before;

	(void)state;
	begin(&f);
	before = value(&f, "process_open_fds");
	for (size_t i = 0; i < OPENED; i++) {
		opened[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(opened[i] >= 0);
	}
	assert_true(value(&f, "process_open_fds") == before);
	pass(&f, MOVED_MS);
	assert_true(value(&f, "process_open_fds") == before + OPENED);
	for (size_t i = 0; i < OPENED; i++)
		close(opened[i]);
	pass(&f, MOVED_MS);
	assert_true(value(&f, "process_open_fds") == before);
	end(&f);
}

static void descriptors_have_a_limit(void **state)
{
	struct rlimit limit;
	struct fixture f;

	(void)state;
	begin(&f);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(value(&f, "process_max_fds") == (double)limit.rlim_cur);
	end(&f);
}

static void memory_that_is_touched_counts(void **state)
{
	struct fixture f;
	double before;
	char *memory;

	(void)state;
	begin(&f);
	before = value(&f, "process_resident_memory_bytes");
	memory = malloc(TOUCHED);
	assert_non_null(memory);
	memset(memory, 1, TOUCHED);
	pass(&f, MOVED_MS);
	assert_true(value(&f, "process_resident_memory_bytes") > before + TOUCHED / 2);
	assert_int_equal(memory[TOUCHED - 1], 1);
	free(memory);
	end(&f);
}

static void cpu_time_grows_with_work(void **state)
{
	struct fixture f;
	double before;

	(void)state;
	begin(&f);
	before = value(&f, "process_cpu_seconds_total");
	assert_true(before >= 0);
	while (value(&f, "process_cpu_seconds_total") < before + 0.01)
		;
	end(&f);
}

static void the_start_is_when_it_was(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	pass(&f, 5 * MOVED_MS);
	assert_true(value(&f, "process_start_time_seconds") == 1700000001);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_version_is_a_label),
		cmocka_unit_test(descriptors_are_counted_once_a_second),
		cmocka_unit_test(descriptors_have_a_limit),
		cmocka_unit_test(memory_that_is_touched_counts),
		cmocka_unit_test(cpu_time_grows_with_work),
		cmocka_unit_test(the_start_is_when_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
