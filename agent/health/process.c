/*
 * The `process` check: fine if a process lives. One that has ended and was not waited for does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "config/option.h"
#include "health/health.h"
#include "health/helped.h"
#include "health/look.h"

enum { FILE_MAX = 512 };

struct process_config {
	const char *pid;
};

static const struct option process_options[] = {
	{ OPT_TEXT(struct process_config, pid), .name = "pid", .main = true, .required = true,
		.example = "/run/app/app.pid", .help = "Number of the process, or path of the file that has it." },
	{ .name = NULL },
};

/* The beginning of a small file. False, and why. */
static bool read_small(const char *path, char to[FILE_MAX], char why[LOOK_WHY_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : read(fd, to, FILE_MAX - 1);

	if (n < 0)
		snprintf(why, LOOK_WHY_MAX, "%s: %s", path, strerror(errno));
	to[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		close(fd);
	return n >= 0;
}

/* Its state is behind the name, which is in parentheses and may have others in it (proc(5)). */
static bool lives(uint64_t pid, char why[LOOK_WHY_MAX])
{
	char path[40], stat[FILE_MAX], *end;

	snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
	if (!read_small(path, stat, why)) {
		snprintf(why, LOOK_WHY_MAX, "there is no process %llu", (unsigned long long)pid);
		return false;
	}
	end = strrchr(stat, ')');
	if (end && end[1] == ' ' && end[2] != 'Z' && end[2] != 'X')
		return true;
	snprintf(why, LOOK_WHY_MAX, "process %llu has ended", (unsigned long long)pid);
	return false;
}

/* The word: a number or a path. */
bool look_process(const struct look_words *words, char why[LOOK_WHY_MAX])
{
	const char *text = words->words[0];
	char file[FILE_MAX];
	uint64_t pid;

	if (u64_parse(bytes_of(text), &pid))
		return lives(pid, why);
	if (!read_small(text, file, why))
		return false;
	file[strcspn(file, "\r\n \t")] = '\0';
	if (u64_parse(bytes_of(file), &pid))
		return lives(pid, why);
	snprintf(why, LOOK_WHY_MAX, "%s does not begin with a number", text);
	return false;
}

static int process_create(const void *config, struct host *host, struct check **ret)
{
	const struct process_config *k = config;
	uint64_t pid;

	if (!*k->pid || (!strchr(k->pid, '/') && !u64_parse(bytes_of(k->pid), &pid))) {
		host_log(host, LOG_LEVEL_ERROR, "pid: \"%s\" is neither a number nor a path", k->pid);
		return -EINVAL;
	}
	return helped_create(&(struct helped_task){ "process", &k->pid, 1 }, host, ret);
}

const struct check_type check_process = {
	.name = "process",
	.summary = "Fine if a process lives.",
	.options = process_options,
	.config_size = sizeof(struct process_config),
	.create = process_create,
	.start = helped_start,
	.cancel = helped_cancel,
	.destroy = helped_destroy,
};
