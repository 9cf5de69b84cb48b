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
