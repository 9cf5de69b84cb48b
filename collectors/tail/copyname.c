#include "collectors/tail/copyname.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Whether rotation may have put that between two parts of a name; worker10 is not a copy of worker1. */
static bool is_mark(char before, const char *mark, size_t size)
{
	if (size == 0 || (is_digit(before) && is_digit(*mark)))
		return false;
	for (size_t i = 0; i < size; i++)
		if (is_digit(mark[i]))
			return true;
	return size == 4 && memcmp(mark, ".old", 4) == 0;
}

/* Where the name's ending begins; a name whose only dot is its first character has none. */
static size_t ending_of(const char *name, size_t size)
{
	for (size_t i = size; i > 1; i--)
		if (name[i - 1] == '.')
			return i - 1;
	return size;
}

size_t tail_copyname_stem(const char *original)
{
	return ending_of(original, strlen(original));
}

bool tail_copyname_is(const char *name, const char *original)
{
	size_t n = strlen(name), whole = strlen(original), stem = tail_copyname_stem(original);
	size_t ending = whole - stem;

	if (n > whole && memcmp(name, original, whole) == 0 && is_mark(original[whole - 1], name + whole, n - whole))
		return true;
	return ending > 0 && n > whole && memcmp(name, original, stem) == 0 &&
	       memcmp(name + n - ending, original + stem, ending) == 0 &&
	       is_mark(original[stem - 1], name + stem, n - whole);
}

void tail_copyname_originals(const char *path, bool (*visit)(void *context, const char *original), void *context)
{
	char original[PATH_MAX];
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t n = strlen(name), ending = ending_of(name, n);
	int folder = (int)(name - path);

	if (strlen(path) >= sizeof original)
		return;
	for (size_t i = n - 1; i > 0; i--) {
		snprintf(original, sizeof original, "%.*s", folder + (int)i, path);
		if (is_mark(name[i - 1], name + i, n - i) && !visit(context, original))
			return;
		if (i >= ending || ending == n || !is_mark(name[i - 1], name + i, ending - i))
			continue;
		snprintf(original, sizeof original, "%.*s%s", folder + (int)i, path, name + ending);
		if (!visit(context, original))
			return;
	}
}
