#include "recorder/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/path.h"

enum {
	LOOK_MS = 1000, /* for a file, while no process is watched */
	AGAIN_MS = 20,
	TRIES_MAX = 25,
	FILE_MAX = 32, /* bytes of the file that are read */
	STAT_MAX = 1024,
};

/* <linux/pidfd.h> of Linux 6.15, the first version of the struct. */
struct pidfd_info {
	uint64_t mask;
	uint32_t unused[13]; /* of the process, which are known */
	int32_t exit_code;
};
#define PIDFD_INFO_EXIT (UINT64_C(1) << 3)
#define PIDFD_GET_INFO _IOWR(0xff, 11, struct pidfd_info)

/* Finding the process, in the lane. */

static int read_text(int fd, char *to, size_t room)
{
	ssize_t n = fd < 0 ? -1 : read(fd, to, room - 1);

	if (fd >= 0)
		close(fd);
	to[n > 0 ? n : 0] = '\0';
	return n > 0 ? 0 : -EIO;
}

/* proc(5): "pid (comm) state …", and the exit status is the last field. While the parent has not asked, it is a zombie,
 * and its number is nobody else's. */
static bool status_of_proc(const struct watch *w, int *ret)
{
	char name[64], text[STAT_MAX], *state, *last;

	snprintf(name, sizeof name, "/proc/%d/stat", w->pid);
	if (read_text(open(name, O_RDONLY | O_CLOEXEC), text, sizeof text) < 0)
		return false;
	state = strrchr(text, ')');
	last = strrchr(text, ' ');
	if (!state || state[1] != ' ' || state[2] != 'Z' || !last || last < state)
		return false;
	*ret = (int)strtol(last, NULL, 10);
	return true;
}

static void find(struct job *job)
{
	struct watch *w = CONTAINER_OF(job, struct watch, job);
	char text[FILE_MAX];
	int status;

	w->fd = -1;
	if (read_text(path_regular_open(w->options.file), text, sizeof text) < 0)
		return;
	w->pid = (int)strtol(text, NULL, 10);
	if (w->pid > 0 && !(w->pid == w->told && status_of_proc(w, &status)))
		w->fd = (int)syscall(SYS_pidfd_open, w->pid, 0);
}

/* How it ended. */

/* From its status as wait() gives it. False: it is no crash. */
static bool is_crash(int status, char how[WATCH_WHY])
{
	if (WIFSIGNALED(status)) {
		int number = WTERMSIG(status);
		snprintf(how, WATCH_WHY, "the app's process was ended by signal %d (%s)", number, strsignal(number));
		return number != SIGTERM && number != SIGINT && number != SIGHUP;
	}
	snprintf(how, WATCH_WHY, "the app's process ended with exit status %d", WEXITSTATUS(status));
	return WEXITSTATUS(status) != 0;
}

static bool status_of_kernel(const struct watch *w, int *ret)
{
	struct pidfd_info info = { .mask = PIDFD_INFO_EXIT };

	if (ioctl(w->fd, PIDFD_GET_INFO, &info) < 0 || !(info.mask & PIDFD_INFO_EXIT))
		return false;
	*ret = info.exit_code;
	return true;
}

static void forget(struct watch *w)
{
	loop_watch_done(&w->ended);
	close(w->fd);
	w->fd = -1;
	w->told = w->pid;
	loop_timer_set(&w->next, DURATION_MS(LOOK_MS));
}

static void learn(struct watch *w)
{
	const struct watch_options *o = &w->options;
	char how[WATCH_WHY] = "the app's process has ended, and nobody can tell how";
	bool crash = true;
	int status;

	if (status_of_kernel(w, &status) || status_of_proc(w, &status)) {
		crash = is_crash(status, how);
	} else if (w->tries++ < TRIES_MAX) {
		loop_timer_set(&w->next, DURATION_MS(AGAIN_MS));
		return;
	}
	forget(w);
	if (crash)
		o->crashed(o->context, how);
}

static void on_ended(void *context, int fd, unsigned what)
{
	struct watch *w = context;

	(void)fd, (void)what;
	loop_watch_set(&w->ended, 0);
	w->tries = 0;
	learn(w);
}

static void on_found(struct job *job)
{
	struct watch *w = CONTAINER_OF(job, struct watch, job);

	if (w->fd < 0) {
		loop_timer_set(&w->next, DURATION_MS(LOOK_MS));
		return;
	}
	loop_watch_init(&w->ended, w->options.loop, w->fd, on_ended, w);
	loop_watch_set(&w->ended, WATCH_READ);
}

static void on_next(void *context)
{
	struct watch *w = context;

	if (w->fd >= 0) {
		learn(w);
		return;
	}
	w->job = (struct job){ .work = find, .done = on_found };
	if (lane_run(w->options.disk, &w->job) < 0)
		loop_timer_set(&w->next, DURATION_MS(LOOK_MS));
}

void watch_init(struct watch *w, const struct watch_options *o)
{
	*w = (struct watch){ .options = *o, .fd = -1 };
	loop_timer_init(&w->next, o->loop, on_next, w);
	loop_timer_set(&w->next, DURATION_MS(0));
}

void watch_done(struct watch *w)
{
	if (!w->options.loop)
		return;
	loop_timer_done(&w->next);
	loop_watch_done(&w->ended);
	if (w->fd >= 0)
		close(w->fd);
	w->options.loop = NULL;
}
