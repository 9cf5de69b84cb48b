#include "base/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The first function that is not there. NULL: all are. */
static const struct library_function *missing(void *library, const struct library_function *f, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!dlsym(library, f[i].name))
			return &f[i];
	return NULL;
}

int library_load(const char *file, const struct library_function *f, size_t count, char *why, size_t room)
{
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	const struct library_function *absent;

	if (!library) {
		snprintf(why, room, "%s", dlerror());
		return -ENOENT;
	}
	absent = missing(library, f, count);
	if (absent) {
		snprintf(why, room, "%s has no %s()", file, absent->name);
		dlclose(library);
		return -ENOENT;
	}
	for (size_t i = 0; i < count; i++) {
		void *found = dlsym(library, f[i].name);

		memcpy(f[i].at, &found, sizeof found);
	}
	return 0;
}
