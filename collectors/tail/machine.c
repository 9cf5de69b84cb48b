#include "collectors/tail/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum {
	SPARED =
		256, /* descriptors that are left to everybody else; at most half of those that are free at the start */
	FILES_MIN = 4 << 20,
	/* a quarter of that for files without a name; beyond it they are closed as soon as they are read */
	GONE_SHARE = 4,
	FOLDERS_SHARE = 4, /* a quarter as much, beside it, to watch folders */
};

void tail_machine_init(struct tail_machine *m, struct host *host)
{
	m->host = host;
}

/* How many numbers below `limit` are free, or `enough` if there are more. */
static rlim_t free_descriptors(rlim_t limit, rlim_t enough)
{
	rlim_t count = 0;

	for (rlim_t fd = 0; fd < limit && count < enough; fd++)
		count += fcntl((int)fd, F_GETFD) < 0;
	return count;
}

/* The number from which on `count` are free below `limit`. */
static rlim_t below_free(rlim_t limit, rlim_t count)
{
	while (count > 0)
		count -= fcntl((int)--limit, F_GETFD) < 0;
	return limit;
}

/* open() gives the lowest free number: files that stay below a bound leave the rest to connections. */
void tail_machine_spare_descriptors(struct tail_machine *m)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	rlim_t numbers;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	numbers = smaller(limit.rlim_cur, INT_MAX);
	m->descriptors = below_free(numbers, free_descriptors(numbers, 2 * SPARED) / 2);
}

void tail_machine_inotify(struct tail_machine *m, int failed)
{
	if (failed && !m->watch_missing)
		host_log(m->host, LOG_LEVEL_WARN,
			"inotify cannot be used (%s; see fs.inotify.max_user_instances): all files are asked whether "
			"they changed",
			strerror(-failed));
	if (!failed && m->watch_missing)
		host_log(m->host, LOG_LEVEL_INFO, "inotify can be used now");
	m->watch_missing = failed != 0;
}

/* A limit of inotify has the errno of a full disk. */
static const char *why_not_watched(int error)
{
	return error == ENOSPC ? "fs.inotify.max_user_watches is reached" : strerror(error);
}

void tail_machine_scanned(struct tail_machine *m, const struct tail_scan *answer)
{
	if (answer->walk.watch_failed && !m->watch_failed)
		host_log(m->host, LOG_LEVEL_WARN,
			"cannot watch every folder: %s; what changes there is found by the sweep",
			why_not_watched(answer->walk.watch_failed));
	if (answer->left.too_many && !m->too_many)
		host_log(m->host, LOG_LEVEL_WARN,
			"too many files or folders match: the rest is left out; expected as many as half of `memory` "
			"has room for: narrow `paths`, or raise `memory`");
	m->watch_failed = answer->walk.watch_failed != 0;
	m->too_many = answer->left.too_many;
	m->linked = answer->walk.linked;
	m->silent = answer->walk.silent;
}

size_t tail_machine_files_max(const struct tail_machine *m)
{
	size_t half = host_memory(m->host) / 2;

	return half > FILES_MIN ? half : FILES_MIN;
}

bool tail_machine_is_crowded(const struct tail_machine *m, size_t gone_cost)
{
	return gone_cost > tail_machine_files_max(m) / GONE_SHARE;
}

struct tail_budget tail_machine_budget(const struct tail_machine *m, size_t cost, size_t gone_cost)
{
	size_t max = tail_machine_files_max(m), gone = max / GONE_SHARE;

	return (struct tail_budget){ .files.left = max - smaller(max, gone_cost),
		.free = max - smaller(max, cost),
		.folders.left = max / FOLDERS_SHARE,
		.rotated = gone - smaller(gone, gone_cost) };
}
