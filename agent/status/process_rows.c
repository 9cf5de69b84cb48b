#include "status/process_rows.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "loop/loop.h"

enum { STATM_MAX = 128, LABELS_MAX = 64, LOOK_S = 1 };

/* The second number of /proc/self/statm, in pages (proc(5)). */
static bool read_resident(uint64_t *ret_bytes)
{
	char text[STATM_MAX + 1];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, STATM_MAX);
	const char *second;

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	second = strchr(text, ' ');
	if (!second)
		return false;
	*ret_bytes = strtoull(second + 1, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

/* The folder's own descriptor is not one of them. */
static bool count_descriptors(uint64_t *ret)
{
	DIR *folder = opendir("/proc/self/fd");
	uint64_t count = 0;

	if (!folder)
		return false;
	for (const struct dirent *entry; (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	closedir(folder);
	*ret = count - (count > 0);
	return true;
}

/* The size of the folder says it from Linux 6.2 on, and is 0 before. */
static bool read_descriptors(uint64_t *ret)
{
	struct stat st;

	if (stat("/proc/self/fd", &st) < 0)
		return false;
	if (st.st_size == 0)
		return count_descriptors(ret);
	*ret = (uint64_t)st.st_size;
	return true;
}

/* What cannot be read now, as without a free descriptor, stays as it was. False: something could not. */
static bool look(struct process_rows *p)
{
	bool resident = read_resident(&p->resident), descriptors = read_descriptors(&p->descriptors);

	p->looked = loop_now(p->loop);
	return resident && descriptors;
}

static void look_again(struct process_rows *p)
{
	if (mono_since(loop_now(p->loop), p->looked).ns >= DURATION_S(LOOK_S).ns)
		(void)look(p);
}

static double resident(void *context)
{
	struct process_rows *p = context;

	look_again(p);
	return (double)p->resident;
}

static double descriptors(void *context)
{
	struct process_rows *p = context;

	look_again(p);
	return (double)p->descriptors;
}

static double descriptors_most(void *context)
{
	struct rlimit limit = { 0 };

	(void)context;
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return (double)limit.rlim_cur;
}

/* Of all threads. */
static double cpu(void *context)
{
	struct timespec t = { 0 };

	(void)context;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double started(void *context)
{
	return (double)((const struct process_rows *)context)->started.ns * 1e-9;
}

static const struct {
	const char *name, *help;
	enum counter_kind kind;
	double (*read)(void *context);
	bool looks; /* at /proc */
} rows[] = {
	{ "process_cpu_seconds_total", "CPU time of this process, user and system.", COUNTER_GROWS, cpu, false },
	{ "process_start_time_seconds", "When this process began, in seconds since 1970.", COUNTER_GAUGE, started,
		false },
	{ "process_max_fds", "Descriptors that this process may have open.", COUNTER_GAUGE, descriptors_most, false },
	{ "process_open_fds", "Descriptors that this process has open.", COUNTER_GAUGE, descriptors, true },
	{ "process_resident_memory_bytes", "Memory of this process that is in RAM.", COUNTER_GAUGE, resident, true },
};

void process_rows_init(struct process_rows *p, struct counters *counters, const struct loop *loop, const char *version)
{
	char labels[LABELS_MAX];
	bool sees;

	*p = (struct process_rows){ .loop = loop, .started = loop_wall(loop) };
	sees = look(p);
	snprintf(labels, sizeof labels, "version=\"%s\"", version);
	counter_row(counters, COUNTER_GAUGE, "build_info", labels, "Which oxpecker this is; always 1.")->value = 1;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct counter *row;
		if (rows[i].looks && !sees)
			continue;
		row = counter_row(counters, rows[i].kind, rows[i].name, "", rows[i].help);
		row->read = rows[i].read;
		row->context = p;
	}
}
