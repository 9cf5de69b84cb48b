#include "loop/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { READ_SIZE = 4 << 10, FIRST_OTHER = STDERR_FILENO + 1 };

static void close_out(struct child *c)
{
	loop_watch_done(&c->watch);
	if (c->out >= 0)
		close(c->out);
	c->out = -1;
}

static void kill_group(const struct child *c)
{
	kill(-c->pid, SIGKILL);
	kill(c->pid, SIGKILL);
}

static void keep(struct child *c, const char *data, size_t size)
{
	size_t room = CHILD_SAID_MAX - c->said_size;

	c->output += size;
	memcpy(c->said + c->said_size, data, size < room ? size : room);
	c->said_size += size < room ? size : room;
	c->said[c->said_size] = '\0';
}

/* One piece of its output. False: there is none now. */
static bool read_piece(struct child *c)
{
	char piece[READ_SIZE];
	ssize_t n = read(c->out, piece, sizeof piece);

	if (n > 0)
		keep(c, piece, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_out(c);
	return n > 0;
}

static void on_output(void *context, int fd, unsigned what)
{
	struct child *c = context;

	(void)fd, (void)what;
	if (!read_piece(c) || c->output <= CHILD_OUTPUT_MAX)
		return;
	c->flooded = true;
	close_out(c);
	kill_group(c);
}

static void finish(struct child *c, int status)
{
	const struct child_end end = { .status = status, .flooded = c->flooded, .said = c->said };
	bool stopped = c->state == CHILD_KILLED;

	while (!stopped && c->out >= 0 && c->output <= CHILD_OUTPUT_MAX && read_piece(c))
		;
	close_out(c);
	c->state = CHILD_NONE;
	if (!stopped)
		c->ended(c->context, &end);
}

/* Some child of ours has died. What ours has left behind dies before its number can be anybody else's. */
static void on_died(void *context, int number)
{
	struct child *c = context;
	siginfo_t found = { .si_pid = 0 };
	int status = 0;

	(void)number;
	if (c->state == CHILD_NONE || waitid(P_PID, (id_t)c->pid, &found, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		found.si_pid != c->pid)
		return;
	kill(-c->pid, SIGKILL);
	(void)waitpid(c->pid, &status, 0);
	finish(c, status);
}

int child_init(struct child *c, struct loop *loop, void (*ended)(void *, const struct child_end *), void *context)
{
	*c = (struct child){ .loop = loop, .out = -1, .ended = ended, .context = context };
	return loop_signal_init(&c->died, loop, SIGCHLD, on_died, c);
}

void child_stop(struct child *c)
{
	if (c->state != CHILD_RUNS)
		return;
	kill_group(c);
	close_out(c);
	c->state = CHILD_KILLED;
}

/* One that the kernel cannot kill yet is left to whoever gets it after us. */
void child_done(struct child *c)
{
	if (!c->loop)
		return;
	child_stop(c);
	loop_signal_done(&c->died);
	if (c->state == CHILD_KILLED)
		(void)waitpid(c->pid, NULL, WNOHANG);
	c->state = CHILD_NONE;
}

struct pipes {
	int task[2], output[2]; /* the end to read, the end to write */
};

static void close_pair(int pair[2])
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
}

static int open_pipes(struct pipes *p)
{
	*p = (struct pipes){ { -1, -1 }, { -1, -1 } };
	if (pipe2(p->task, O_CLOEXEC) < 0 || pipe2(p->output, O_CLOEXEC) < 0 ||
		fcntl(p->task[1], F_SETFL, O_NONBLOCK) < 0 || fcntl(p->output[0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

/* In a group of its own, with every signal as it is for a new program, and none of our descriptors. */
static int set_up(posix_spawnattr_t *how, posix_spawn_file_actions_t *files, const struct pipes *p)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	if (posix_spawnattr_setflags(how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) ||
		posix_spawnattr_setpgroup(how, 0) || posix_spawnattr_setsigmask(how, &none) ||
		posix_spawnattr_setsigdefault(how, &all) ||
		posix_spawn_file_actions_adddup2(files, p->task[0], STDIN_FILENO) ||
		posix_spawn_file_actions_adddup2(files, p->output[1], STDOUT_FILENO) ||
		posix_spawn_file_actions_adddup2(files, p->output[1], STDERR_FILENO) ||
		posix_spawn_file_actions_addclosefrom_np(files, FIRST_OTHER))
		return -ENOMEM;
	return 0;
}

static int spawn(struct child *c, const char *const words[2], const struct pipes *p)
{
	char name[CHILD_WORD_MAX + 1], kind[CHILD_WORD_MAX + 1], parent[CHILD_WORD_MAX + 1];
	char *argv[] = { name, kind, parent, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	int failed;

	snprintf(name, sizeof name, "%s", words[0]);
	snprintf(kind, sizeof kind, "%s", words[1]);
	snprintf(parent, sizeof parent, "%ld", (long)getpid());
	if (posix_spawn_file_actions_init(&files))
		return -ENOMEM;
	if (posix_spawnattr_init(&how)) {
		posix_spawn_file_actions_destroy(&files);
		return -ENOMEM;
	}
	failed = set_up(&how, &files, p);
	if (!failed)
		failed = -posix_spawn(&c->pid, "/proc/self/exe", &files, &how, argv, environ);
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	return failed;
}

static int tell(const struct pipes *p, struct bytes task)
{
	ssize_t n = write(p->task[1], task.data, task.size);

	return n < 0 ? -errno : (size_t)n == task.size ? 0 : -EAGAIN;
}

int child_start(struct child *c, const char *const argv[2], struct bytes task)
{
	struct pipes p;
	int failed;

	OXP_ASSERT(c->state != CHILD_RUNS && task.size <= CHILD_TASK_MAX);
	if (c->state == CHILD_KILLED)
		return -EBUSY;
	failed = open_pipes(&p);
	if (!failed)
		failed = tell(&p, task);
	if (!failed)
		failed = spawn(c, argv, &p);
	if (!failed) {
		c->state = CHILD_RUNS;
		c->flooded = false;
		c->said_size = c->output = 0;
		c->said[0] = '\0';
		c->out = p.output[0];
		p.output[0] = -1;
		loop_watch_init(&c->watch, c->loop, c->out, on_output, c);
		loop_watch_set(&c->watch, WATCH_READ);
	}
	close_pair(p.task);
	close_pair(p.output);
	return failed;
}
