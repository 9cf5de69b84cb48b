#include "collectors/tail/globs.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* What still has a brace or a ** in it is worked off in place. */
struct pile {
	char **items;
	size_t count;
	bool full;
};

/* Before the tail end of a glob: `before`, `with`, `after`. */
static void add(struct pile *p, struct bytes before, struct bytes with, const char *after)
{
	size_t rest = strlen(after);
	char *made;

	p->full = p->full || p->count == TAIL_GLOBS_MAX;
	if (p->full)
		return;
	made = oxp_new(before.size + with.size + rest + 1);
	memcpy(made, before.data, before.size);
	memcpy(made + before.size, with.data, with.size);
	memcpy(made + before.size + with.size, after, rest);
	p->items[p->count++] = made;
}

/* The closing brace of the one at `open`, or NULL. */
static const char *closing(const char *open)
{
	unsigned depth = 0;

	for (const char *p = open; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '{')
			depth++;
		else if (*p == '}' && --depth == 0)
			return p;
	}
	return NULL;
}

/* Where this alternative ends: at a comma of its own, or at the closing brace. */
static const char *alternative_end(const char *from, const char *close)
{
	unsigned depth = 0;
	const char *p = from;

	for (; p < close && (depth > 0 || *p != ','); p++) {
		if (*p == '\\')
			p++;
		else if (*p == '{')
			depth++;
		else if (*p == '}')
			depth--;
	}
	return p < close ? p : close;
}

/* The first brace with a comma between it and its end; a brace alone is a character. */
static const char *find_brace(const char *glob)
{
	for (const char *p = glob; *p; p++) {
		const char *close = *p == '{' ? closing(p) : NULL;
		if (close && alternative_end(p + 1, close) < close)
			return p;
		if (*p == '\\' && p[1])
			p++;
	}
	return NULL;
}

static void expand_brace(struct pile *p, const char *glob, const char *open)
{
	const char *close = closing(open), *from = open + 1, *end;

	for (;; from = end + 1) {
		end = alternative_end(from, close);
		add(p, (struct bytes){ glob, (size_t)(open - glob) }, (struct bytes){ from, (size_t)(end - from) },
			close + 1);
		if (end == close)
			return;
	}
}

/* A folder of that name, or the end of the glob. */
static const char *find_deep(const char *glob)
{
	for (const char *p = strstr(glob, "**"); p; p = strstr(p + 1, "**"))
		if ((p == glob || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
			return p;
	return NULL;
}

static void expand_deep(struct pile *p, const char *glob, const char *deep)
{
	static const char folders[] = "*/*/*/*/*/*/*/*/";
	const char *after = deep[2] ? deep + 3 : "*";

	_Static_assert(sizeof folders - 1 == 2 * TAIL_DEPTH, "one for each folder");
	for (size_t depth = 0; depth <= TAIL_DEPTH; depth++)
		add(p, (struct bytes){ glob, (size_t)(deep - glob) }, (struct bytes){ folders, 2 * depth }, after);
}

/* False: there is nothing to expand in it. */
static bool expand(struct pile *p, const char *glob)
{
	const char *brace = find_brace(glob), *deep = find_deep(glob);

	if (brace)
		expand_brace(p, glob, brace);
	else if (deep)
		expand_deep(p, glob, deep);
	return brace || deep;
}

static void work_off(struct pile *p)
{
	for (size_t i = 0; i < p->count && !p->full;) {
		char *glob = p->items[i];
		if (!expand(p, glob)) {
			i++;
			continue;
		}
		free(glob);
		p->items[i] = p->items[--p->count];
	}
}

bool tail_globs_expand(const struct option_list *list, struct option_list *ret)
{
	struct pile p = { .items = oxp_new((TAIL_GLOBS_MAX + 1) * sizeof *p.items) };

	for (size_t i = 0; list && i < list->count; i++)
		add(&p, (struct bytes){ "", 0 }, (struct bytes){ "", 0 }, list->items[i]);
	work_off(&p);
	*ret = (struct option_list){ .items = (const char *const *)p.items, .count = p.count };
	if (p.full)
		tail_globs_free(ret);
	return !p.full;
}

void tail_globs_free(struct option_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free((char *)(uintptr_t)list->items[i]);
	free((void *)(uintptr_t)list->items);
	*list = (struct option_list){ .items = NULL };
}
