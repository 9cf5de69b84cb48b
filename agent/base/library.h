/*
 * Shared libraries that few configurations need. Each is loaded when the first component that needs it is made, so that
 * all other configurations do without its memory. It stays loaded until the process ends.
 */
#ifndef OXP_LIBRARY_H
#define OXP_LIBRARY_H

#include "base/base.h"

struct library_function {
	const char *name;
	void *at; /* a pointer to a function of the type that the library's header declares: it is set */
};

/*
 * Loads FILE, which is a name with its version, such as "libsnappy.so.1", and finds all COUNT functions in it. 0, or
 * -ENOENT if the library or one of them is missing: no function is set then, and WHY says what was looked for.
 */
int library_load(const char *file, const struct library_function *, size_t count, char *why, size_t room) MUST_CHECK;

#endif
