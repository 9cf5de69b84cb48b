#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void oxp_assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "oxpecker: broken promise: %s (%s:%d). This is a defect in oxpecker.\n", what, file, line);
	abort();
}

void *oxp_new(size_t size)
{
	void *p = calloc(1, size);

	OXP_ASSERT(p && "out of memory");
	return p;
}

char *oxp_strdup(const char *text)
{
	char *copy = strdup(text);

	OXP_ASSERT(copy && "out of memory");
	return copy;
}

void *oxp_grow(void *array, size_t *room, size_t need, size_t size)
{
	enum { FIRST = 4 };
	size_t more = *room ? *room : FIRST, bytes;
	void *grown;

	if (need <= *room)
		return array;
	while (more < need)
		if (__builtin_mul_overflow(more, 2, &more))
			return NULL;
	if (__builtin_mul_overflow(more, size, &bytes))
		return NULL;
	grown = realloc(array, bytes);
	if (grown)
		*room = more;
	return grown;
}
