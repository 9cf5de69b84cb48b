#include "base/cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_ROOM = 4096, PATH_ROOM = 8192, NUMBER_ROOM = 32 };

/* A file with one number, or "max". */
static uint64_t read_limit(const char *path)
{
	char text[NUMBER_ROOM] = "";
	FILE *file = fopen(path, "re");
	bool read = file && fgets(text, sizeof text, file);

	if (file)
		fclose(file);
	return read && *text >= '0' && *text <= '9' ? strtoull(text, NULL, 10) : UINT64_MAX;
}

/* Of the group at `path` and all above it; `path` is used up. */
static uint64_t smallest(const char *mount, char *path, const char *file)
{
	uint64_t limit = UINT64_MAX;
	char name[PATH_ROOM];
	char *slash;

	do {
		snprintf(name, sizeof name, "%s%s/%s", mount, path, file);
		uint64_t one = read_limit(name);
		limit = one < limit ? one : limit;
		slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
	} while (slash);
	return limit;
}

static bool names_memory(const char *controllers)
{
	size_t n;

	for (; *controllers; controllers += n + (controllers[n] == ',')) {
		n = strcspn(controllers, ",");
		if (n == strlen("memory") && strncmp(controllers, "memory", n) == 0)
			return true;
	}
	return false;
}

/* "0::/path" of version 2, "4:memory:/path" of version 1. */
static uint64_t limit_of_line(char *line, const char *mount)
{
	char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
	char of_memory[PATH_ROOM];

	if (!path)
		return UINT64_MAX;
	*controllers++ = '\0';
	*path++ = '\0';
	path[strcspn(path, "\n")] = '\0';
	if (!*controllers)
		return smallest(mount, path, "memory.max");
	snprintf(of_memory, sizeof of_memory, "%s/memory", mount);
	return names_memory(controllers) ? smallest(of_memory, path, "memory.limit_in_bytes") : UINT64_MAX;
}

uint64_t cgroup_memory_limit(const char *of_process, const char *mount)
{
	FILE *file = fopen(of_process, "re");
	uint64_t limit = UINT64_MAX;
	char line[LINE_ROOM];

	while (file && fgets(line, sizeof line, file)) {
		uint64_t one = limit_of_line(line, mount);
		limit = one < limit ? one : limit;
	}
	if (file)
		fclose(file);
	return limit;
}
