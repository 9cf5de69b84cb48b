#include "health/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/text.h"
#include "health/look.h"
#include "health/peer_url.h"
#include "loop/child.h"

/* `own`: it is code of this program and of libraries, whose memory is bounded; a command's is its own affair. */
static const struct {
	const char *kind;
	look *look;
	bool own;
} looks[] = {
	{ "exec", look_exec, false },
	{ "file", look_file, true },
	{ "mysql", look_mysql, true },
	{ "postgres", look_postgres, true },
	{ "process", look_process, true },
	{ "redis", look_redis, true },
};

bool helper_is_meant(const char *const *argv)
{
	return argv[0] && strcmp(argv[0], HELPER_NAME) == 0;
}

static void go_first(void)
{
	static const char most[] = "1000";
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, most, sizeof most - 1);
	close(fd);
}

/* Pages of data that the process has. 0: not known. */
static uint64_t data_pages(void)
{
	unsigned long long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%*u %*u %*u %*u %*u %llu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages;
}

/*
 * Libraries take as much memory as a peer makes them: libpq a gigabyte for the length of one message. In a container
 * the agent would go with them, however much they are the first to go: Kubernetes ends all that is in one. What the
 * program begins with counts beside, since sanitizers have terabytes.
 */
static void bound_memory(void)
{
	uint64_t most = data_pages() * (uint64_t)sysconf(_SC_PAGESIZE) + HELPER_MEMORY_MAX;
	const struct rlimit limit = { most, most };

	if (most > HELPER_MEMORY_MAX)
		(void)setrlimit(RLIMIT_DATA, &limit);
}

/* All of the standard input, with a zero behind it; nothing is left to read there then. */
static bool read_task(char task[CHILD_TASK_MAX + 1], size_t *ret_size)
{
	size_t size = 0;
	ssize_t n;
	int nothing;

	while (size < CHILD_TASK_MAX && (n = read(STDIN_FILENO, task + size, CHILD_TASK_MAX - size)) > 0)
		size += (size_t)n;
	task[size] = '\0';
	*ret_size = size;
	nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	return nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0;
}

/* Who started it may have ended before the kernel was told to end it with that. */
static bool has_parent(const char *number)
{
	uint64_t parent;

	return number && u64_parse(bytes_of(number), &parent) && parent == (uint64_t)getppid();
}

static void split(char *task, size_t size, struct look_words *to)
{
	for (char *at = task; at < task + size && to->count < LOOK_WORDS_MAX; at += strlen(at) + 1)
		to->words[to->count++] = at;
}

static bool look_at(const char *kind, const struct look_words *words, char why[LOOK_WHY_MAX])
{
	for (size_t i = 0; i < COUNT_OF(looks); i++) {
		if (strcmp(looks[i].kind, kind) != 0)
			continue;
		if (looks[i].own)
			bound_memory();
		return looks[i].look(words, why);
	}
	return false;
}

int helper_run(const char *const *argv)
{
	static const char unknown[] = "cannot be looked at";
	struct look_words words = { 0 };
	char *task = oxp_new(CHILD_TASK_MAX + 1), why[LOOK_WHY_MAX];
	bool fine = false;
	size_t size = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of write() */
	go_first();
	snprintf(why, sizeof why, "%s", unknown);
	if (argv[1] && has_parent(argv[2]) && read_task(task, &size)) {
		split(task, size, &words);
		fine = look_at(argv[1], &words, why);
	}
	if (!fine && words.count > 0)
		peer_url_hide(words.words[0], why);
	free(task);
	if (fine)
		return 0;
	text_one_line(why);
	puts(why);
	return 1;
}
