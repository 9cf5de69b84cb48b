#include "base/container.h"

#include <stdio.h>
#include <unistd.h>

enum { PATH_ROOM = 4096 };

bool container_is_one(const char *root, const char *kubernetes)
{
	static const char *const marks[] = { "/.dockerenv", "/run/.containerenv" };
	bool found = kubernetes && *kubernetes;
	char path[PATH_ROOM];

	for (size_t i = 0; i < COUNT_OF(marks) && !found; i++)
		found = (size_t)snprintf(path, sizeof path, "%s%s", root, marks[i]) < sizeof path &&
			access(path, F_OK) == 0;
	return found;
}
