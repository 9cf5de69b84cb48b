/*
 * A lane gives every job back once, in order, on the loop's thread; refuses beyond its depth; ends with nothing lost.
 */
#include "loop/lane.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DEPTH = 8, JOBS = 500 };

struct fixture {
	struct loop *loop;
	struct lane *lane;
	pthread_t loop_thread;
	pthread_mutex_t gate; /* held: jobs that ask for it wait */
	size_t done;
};

struct task {
	struct job job;
	struct fixture *f;
	size_t number, result;
	bool gated, again;
};

static int setup(void **state)
{
	struct fixture *f = oxp_new(sizeof *f);

	f->loop_thread = pthread_self();
	pthread_mutex_init(&f->gate, NULL);
	assert_int_equal(loop_new(&clock_system, &f->loop), 0);
	assert_int_equal(lane_new(f->loop, "test", DEPTH, &f->lane), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	lane_free(f->lane);
	loop_free(f->loop);
	pthread_mutex_destroy(&f->gate);
	free(f);
	return 0;
}

static void task_work(struct job *job)
{
	struct task *t = CONTAINER_OF(job, struct task, job);

	assert_false(pthread_equal(pthread_self(), t->f->loop_thread));
	if (t->gated) {
		pthread_mutex_lock(&t->f->gate);
		pthread_mutex_unlock(&t->f->gate);
	}
	t->result = t->number * 3;
}

static void task_done(struct job *job)
{
	struct task *t = CONTAINER_OF(job, struct task, job);

	assert_true(pthread_equal(pthread_self(), t->f->loop_thread));
	assert_int_equal(t->result, t->number * 3);
	assert_int_equal(t->f->done, t->number);
	t->f->done++;
	if (t->again)
		assert_int_equal(lane_run(t->f->lane, &t->job), -ESHUTDOWN);
}

static void task_init(struct task *t, struct fixture *f, size_t number)
{
	*t = (struct task){ .job = { .work = task_work, .done = task_done }, .f = f, .number = number };
}

static void jobs_come_back_in_order(void **state)
{
	struct fixture *f = *state;
	static struct task tasks[JOBS];

	for (size_t given = 0; given < JOBS;) {
		task_init(&tasks[given], f, given);
		if (lane_run(f->lane, &tasks[given].job) == 0)
			given++;
		else
			loop_turn(f->loop, DURATION_S(5));
	}
	while (f->done < JOBS)
		loop_turn(f->loop, DURATION_S(5));
}

static void a_full_lane_refuses(void **state)
{
	struct fixture *f = *state;
	struct task tasks[DEPTH + 1];

	pthread_mutex_lock(&f->gate);
	for (size_t i = 0; i <= DEPTH; i++) {
		task_init(&tasks[i], f, i);
		tasks[i].gated = true;
		assert_int_equal(lane_run(f->lane, &tasks[i].job), i < DEPTH ? 0 : -EAGAIN);
	}
	pthread_mutex_unlock(&f->gate);
	while (f->done < DEPTH)
		loop_turn(f->loop, DURATION_S(5));
	assert_int_equal(lane_run(f->lane, &tasks[DEPTH].job), 0);
	while (f->done < DEPTH + 1)
		loop_turn(f->loop, DURATION_S(5));
}

/* done() comes for all that was taken, and what it gives then is refused rather than lost. */
static void freeing_finishes_what_was_given(void **state)
{
	struct fixture *f = *state;
	struct task tasks[DEPTH];

	for (size_t i = 0; i < DEPTH; i++) {
		task_init(&tasks[i], f, i);
		tasks[i].again = true;
		assert_int_equal(lane_run(f->lane, &tasks[i].job), 0);
	}
	lane_free(f->lane);
	f->lane = NULL;
	assert_int_equal(f->done, DEPTH);
}

/* Its work is done, and done() is not called. */
static void a_job_is_taken_back(void **state)
{
	struct fixture *f = *state;
	struct task tasks[3];

	for (size_t i = 0; i < COUNT_OF(tasks); i++) {
		task_init(&tasks[i], f, i);
		assert_int_equal(lane_run(f->lane, &tasks[i].job), 0);
	}
	lane_take_back(f->lane, &tasks[2].job);
	assert_int_equal(tasks[2].result, 6);
	while (f->done < 2)
		loop_turn(f->loop, DURATION_S(5));
	lane_free(f->lane);
	f->lane = NULL;
	assert_int_equal(f->done, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(jobs_come_back_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_lane_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(a_job_is_taken_back, setup, teardown),
		cmocka_unit_test_setup_teardown(freeing_finishes_what_was_given, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
