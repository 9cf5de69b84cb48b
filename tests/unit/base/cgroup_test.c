/*
 * The memory limit of a process's control group, read from files laid out as the kernel does.
 */
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cgroup.h"

enum { ROWS_FILES = 3 };

static const struct {
	const char *what, *process;
	struct {
		const char *name, *text;
	} files[ROWS_FILES];
	uint64_t limit;
} rows[] = {
	{ "nothing is mounted", "0::/a\n", { { NULL, NULL } }, UINT64_MAX },
	{ "version 2, no limit", "0::/a\n", { { "a/memory.max", "max\n" } }, UINT64_MAX },
	{ "version 2", "0::/a/b\n", { { "a/b/memory.max", "25165824\n" }, { "a/memory.max", "max\n" } }, 25165824 },
	{ "a limit above", "0::/a/b\n", { { "a/b/memory.max", "max\n" }, { "a/memory.max", "1000000\n" } }, 1000000 },
	{ "a container sees its group as the root", "0::/../x\n", { { "memory.max", "2000000\n" } }, 2000000 },
	{ "the root itself", "0::/\n", { { "memory.max", "3000000\n" } }, 3000000 },
	{ "version 1", "5:cpu,cpuacct:/c\n4:memory:/a\n", { { "memory/a/memory.limit_in_bytes", "4000000\n" } },
		4000000 },
	{ "with others", "4:hugetlb,memory,pids:/a\n", { { "memory/a/memory.limit_in_bytes", "5000000\n" } }, 5000000 },
	{ "no limit", "4:memory:/\n0::/\n", { { "memory/memory.limit_in_bytes", "9223372036854771712\n" } },
		9223372036854771712u },
	{ "of somebody else", "4:memory:/a\n", { { "memory/b/memory.limit_in_bytes", "1\n" } }, UINT64_MAX },
	{ "another controller", "4:memoryless:/a\n", { { "memory/a/memory.limit_in_bytes", "1\n" } }, UINT64_MAX },
	{ "no line of such a file", "memory\n:\n\n4:memory\n", { { "memory.max", "1\n" } }, UINT64_MAX },
	{ "no number", "0::/\n", { { "memory.max", "-1\n" } }, UINT64_MAX },
};

static void put(const char *folder, const char *name, const char *text)
{
	char path[300];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
	}
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

static void take_away(const char *folder, const char *name)
{
	char path[300];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(unlink(path), 0);
	for (char *slash; (slash = strrchr(path, '/')) && slash > path + strlen(folder);) {
		*slash = '\0';
		rmdir(path);
	}
}

static void test_limits(void **state)
{
	char folder[] = "/tmp/oxp-cgroup-XXXXXX", process[64];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(process, sizeof process, "%s/process", folder);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		put(folder, "process", rows[i].process);
		for (size_t k = 0; k < ROWS_FILES && rows[i].files[k].name; k++)
			put(folder, rows[i].files[k].name, rows[i].files[k].text);
		if (cgroup_memory_limit(process, folder) != rows[i].limit)
			fail_msg("%s: %llu", rows[i].what, (unsigned long long)cgroup_memory_limit(process, folder));
		for (size_t k = 0; k < ROWS_FILES && rows[i].files[k].name; k++)
			take_away(folder, rows[i].files[k].name);
	}
	take_away(folder, "process");
	assert_int_equal(cgroup_memory_limit(process, folder), UINT64_MAX);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_limits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
