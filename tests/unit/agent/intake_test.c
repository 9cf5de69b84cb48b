/*
 * Intakes: collectors are started in order, asked together, and stopped as their kind allows. The collectors are fakes.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "intake.h"

struct collector {
	bool refuse, noisy, late; /* what it is to do: fail to start, not be quiet, not have begun */
	int started, drained, stopped, destroyed;
};

static int create(const void *config, struct host *host, struct collector **ret)
{
	(void)host;
	*ret = (struct collector *)config;
	return 0;
}

static int start(struct collector *c)
{
	c->started++;
	return c->refuse ? -EADDRINUSE : 0;
}

static bool began(const struct collector *c)
{
	return !c->late;
}

static void drain(struct collector *c)
{
	c->drained++;
}

static bool quiet(struct collector *c)
{
	return !c->noisy;
}

static void stop(struct collector *c)
{
	c->stopped++;
}

static void destroy(struct collector *c)
{
	c->destroyed++;
}

#define CALLS                                                                                           \
	.create = create, .start = start, .began = began, .drain = drain, .quiet = quiet, .stop = stop, \
	.destroy = destroy
static const struct collector_type file_type = { .name = "file", .when_full = FULL_PAUSE, CALLS };
static const struct collector_type door_type = { .name = "door", .when_full = FULL_REFUSE, CALLS };

struct world {
	struct hosts hosts;
	struct intakes all;
	struct collector file, door, other;
	struct log log;
};

static void add(struct world *w, const char *name, const struct collector_type *type, struct collector *c)
{
	struct intake *i = intake_new(&w->all, type, host_new(&w->hosts, "logs.collect", name));

	assert_int_equal(intake_create(i, c), 0);
}

static int setup(void **state)
{
	struct world *w = oxp_new(sizeof *w);

	w->log = (struct log){ .fd = -1, .level = LOG_LEVEL_ERROR, .clock = &clock_system };
	add(w, "files", &file_type, &w->file);
	add(w, "door", &door_type, &w->door);
	add(w, "other", &door_type, &w->other);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	intakes_done(&w->all);
	assert_int_equal(w->file.destroyed + w->door.destroyed + w->other.destroyed, 3);
	hosts_done(&w->hosts);
	free(w);
	return 0;
}

static void test_the_first_that_cannot_start_ends_the_start(void **state)
{
	struct world *w = *state;

	w->door.refuse = true;
	assert_int_equal(intakes_start(&w->all, &w->log), -EADDRINUSE);
	assert_int_equal(w->file.started, 1);
	assert_int_equal(w->door.started, 1);
	assert_int_equal(w->other.started, 0);
	intakes_drain(&w->all); /* only those that have started */
	assert_int_equal(w->file.drained, 1);
	assert_int_equal(w->door.drained + w->other.drained, 0);
	intakes_stop(&w->all); /* all of them: it may be called without start */
	assert_int_equal(w->file.stopped + w->door.stopped + w->other.stopped, 3);
}

static void test_all_have_begun_when_the_last_has(void **state)
{
	struct world *w = *state;

	assert_int_equal(intakes_start(&w->all, &w->log), 0);
	w->other.late = true;
	assert_false(intakes_have_begun(&w->all));
	w->other.late = false;
	assert_true(intakes_have_begun(&w->all));
}

static void test_those_that_are_not_quiet_are_named(void **state)
{
	struct world *w = *state;
	struct buffer text;

	buffer_init(&text, 100);
	w->file.noisy = w->other.noisy = true;
	assert_true(intakes_are_quiet(&w->all)); /* none has started */
	assert_int_equal(intakes_start(&w->all, &w->log), 0);
	assert_false(intakes_are_quiet(&w->all));
	intakes_tell_busy(&w->all, &text);
	assert_true(bytes_are(buffer_bytes(&text), "logs.collect.files, logs.collect.other"));
	w->file.noisy = w->other.noisy = false;
	assert_true(intakes_are_quiet(&w->all));
	buffer_done(&text);
}

static void test_doors_are_stopped_and_files_are_read_on(void **state)
{
	struct world *w = *state;

	assert_int_equal(intakes_start(&w->all, &w->log), 0);
	intakes_stop_doors(&w->all);
	assert_int_equal(w->file.stopped, 0);
	assert_int_equal(w->door.stopped, 1);
	assert_int_equal(w->other.stopped, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_first_that_cannot_start_ends_the_start),
		TEST(test_all_have_begun_when_the_last_has),
		TEST(test_those_that_are_not_quiet_are_named),
		TEST(test_doors_are_stopped_and_files_are_read_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
