#include "loop/lane.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct job_list {
	struct job *first, **last;
};

/*
 * Guarded by `lock`: todo, finished, ending (which only the loop thread writes). `waiting` (given and not yet come
 * back) belongs to the loop thread.
 */
struct lane {
	struct loop *loop;
	struct loop_watch back;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t given, ended;
	struct job_list todo, finished;
	size_t depth, waiting;
	int bell;
	bool ending, started;
};

static void list_init(struct job_list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void list_add(struct job_list *list, struct job *job)
{
	job->next = NULL;
	*list->last = job;
	list->last = &job->next;
}

static struct job *list_take(struct job_list *list)
{
	struct job *job = list->first;

	if (job && !(list->first = job->next))
		list->last = &list->first;
	return job;
}

/* Whether it was in there. */
static bool list_remove(struct job_list *list, struct job *job)
{
	struct job **at = &list->first;

	while (*at && *at != job)
		at = &(*at)->next;
	if (!*at)
		return false;
	*at = job->next;
	if (!job->next)
		list->last = at;
	return true;
}

/* The next job, or NULL when the lane ends and nothing is left. Called with the lock held. */
static struct job *next_job(struct lane *lane)
{
	while (!lane->todo.first && !lane->ending)
		pthread_cond_wait(&lane->given, &lane->lock);
	return list_take(&lane->todo);
}

static void *lane_thread(void *context)
{
	struct lane *lane = context;
	struct job *job;

	pthread_mutex_lock(&lane->lock);
	while ((job = next_job(lane))) {
		uint64_t one = 1;
		pthread_mutex_unlock(&lane->lock);
		job->work(job);
		pthread_mutex_lock(&lane->lock);
		list_add(&lane->finished, job);
		pthread_cond_signal(&lane->ended);
		if (write(lane->bell, &one, sizeof one) < 0)
			OXP_ASSERT(errno == EAGAIN);
	}
	pthread_mutex_unlock(&lane->lock);
	return NULL;
}

/* One job a call, so that something more urgent can come between two. */
static void finish_one(void *context, int fd, unsigned what)
{
	struct lane *lane = context;
	struct job *job;
	uint64_t count;
	bool more;

	(void)what;
	pthread_mutex_lock(&lane->lock);
	job = list_take(&lane->finished);
	more = lane->finished.first;
	pthread_mutex_unlock(&lane->lock);
	if (!more && read(fd, &count, sizeof count) < 0)
		OXP_ASSERT(errno == EAGAIN);
	/* A job may have finished between the look and the reading of the bell. */
	pthread_mutex_lock(&lane->lock);
	if (!more && lane->finished.first && write(fd, &(uint64_t){ 1 }, sizeof count) < 0)
		OXP_ASSERT(errno == EAGAIN);
	pthread_mutex_unlock(&lane->lock);
	if (!job)
		return;
	lane->waiting--;
	job->done(job);
}

/* Starts the thread with every signal blocked: signals are the loop's. 0 or an errno. */
static int start_thread(struct lane *lane)
{
	sigset_t all, before;
	int failed;

	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* what a thread does itself: see base/cut_maps.h */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&lane->thread, NULL, lane_thread, lane);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	lane->started = !failed;
	return failed;
}

int lane_new(struct loop *loop, const char *name, size_t depth, struct lane **ret)
{
	struct lane *lane = oxp_new(sizeof *lane);
	int failed;

	lane->loop = loop;
	lane->depth = depth;
	list_init(&lane->todo);
	list_init(&lane->finished);
	pthread_mutex_init(&lane->lock, NULL);
	pthread_cond_init(&lane->given, NULL);
	pthread_cond_init(&lane->ended, NULL);
	lane->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	failed = lane->bell < 0 ? errno : start_thread(lane);
	if (failed) {
		lane_free(lane);
		return -failed;
	}
	pthread_setname_np(lane->thread, name);
	loop_watch_init(&lane->back, loop, lane->bell, finish_one, lane);
	loop_watch_set(&lane->back, WATCH_READ);
	*ret = lane;
	return 0;
}

void lane_free(struct lane *lane)
{
	struct job *job;

	if (!lane)
		return;
	if (lane->started) {
		pthread_mutex_lock(&lane->lock);
		lane->ending = true;
		pthread_cond_signal(&lane->given);
		pthread_mutex_unlock(&lane->lock);
		pthread_join(lane->thread, NULL);
	}
	while ((job = list_take(&lane->finished))) {
		lane->waiting--;
		job->done(job);
	}
	loop_watch_done(&lane->back);
	pthread_cond_destroy(&lane->given);
	pthread_cond_destroy(&lane->ended);
	pthread_mutex_destroy(&lane->lock);
	if (lane->bell >= 0)
		close(lane->bell);
	free(lane);
}

void lane_take_back(struct lane *lane, struct job *job)
{
	pthread_mutex_lock(&lane->lock);
	while (!list_remove(&lane->finished, job))
		pthread_cond_wait(&lane->ended, &lane->lock);
	pthread_mutex_unlock(&lane->lock);
	lane->waiting--;
}

int lane_run(struct lane *lane, struct job *job)
{
	if (lane->ending)
		return -ESHUTDOWN;
	if (lane->waiting >= lane->depth)
		return -EAGAIN;
	lane->waiting++;
	pthread_mutex_lock(&lane->lock);
	list_add(&lane->todo, job);
	pthread_cond_signal(&lane->given);
	pthread_mutex_unlock(&lane->lock);
	return 0;
}
