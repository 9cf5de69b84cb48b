/*
 * A lane without a thread (loop/lane.h): a job's work and its coming back each happen at a moment that the seed
 * chooses, so that a life is the same each time. Linked in place of the real one.
 */
#include "loop/lane.h"

#include <errno.h>
#include <stdlib.h>

#include "base/random.h"

enum { WAIT_MAX_MS = 8 };

struct lane {
	struct loop_timer next;
	struct random random;
	struct job *first, **last;
	size_t depth, waiting;
	bool worked; /* the first one is on its way back */
	bool ending;
};

static void plan(struct lane *lane)
{
	loop_timer_set(&lane->next, DURATION_MS((int64_t)random_below(&lane->random, WAIT_MAX_MS)));
}

static void work(struct lane *lane)
{
	lane->first->work(lane->first);
	lane->worked = true;
}

static void come_back(struct lane *lane)
{
	struct job *job = lane->first;

	lane->first = job->next;
	if (!lane->first)
		lane->last = &lane->first;
	lane->worked = false;
	lane->waiting--;
	job->done(job);
}

static void on_next(void *context)
{
	struct lane *lane = context;

	(lane->worked ? come_back : work)(lane);
	if (lane->first)
		plan(lane);
}

int lane_new(struct loop *loop, const char *name, size_t depth, struct lane **ret)
{
	struct lane *lane = oxp_new(sizeof *lane);

	(void)name;
	lane->depth = depth;
	lane->last = &lane->first;
	random_seed(&lane->random, (uint64_t)loop_now(loop).ns);
	loop_timer_init(&lane->next, loop, on_next, lane);
	*ret = lane;
	return 0;
}

void lane_free(struct lane *lane)
{
	if (!lane)
		return;
	lane->ending = true;
	while (lane->first) {
		if (!lane->worked)
			work(lane);
		come_back(lane);
	}
	loop_timer_done(&lane->next);
	free(lane);
}

int lane_run(struct lane *lane, struct job *job)
{
	if (lane->ending)
		return -ESHUTDOWN;
	if (lane->waiting >= lane->depth)
		return -EAGAIN;
	lane->waiting++;
	job->next = NULL;
	*lane->last = job;
	lane->last = &job->next;
	if (lane->waiting == 1)
		plan(lane);
	return 0;
}

void lane_take_back(struct lane *lane, struct job *job)
{
	struct job **at = &lane->first;

	while (*at != job)
		at = &(*at)->next;
	if (!lane->worked || job != lane->first)
		job->work(job);
	if (job == lane->first)
		lane->worked = false;
	*at = job->next;
	if (!*at)
		lane->last = at;
	if (--lane->waiting == 0)
		loop_timer_clear(&lane->next);
}
