#include "collectors/tail/globs.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* Globs that still have a brace or a ** are replaced by what they expand to. */
struct pile {
	char **items;
	size_t count;
	bool full;
};

/* Adds the glob that consists of `before`, `with` and `after`. */
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

/* The first brace with a comma before its closing brace. Any other brace is an ordinary character. */
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

/* The first ** that is a whole part of the glob, or NULL. */
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

/* What a glob of `exclude` is compared with: the path, or its last name if the glob has no slash. */
static const char *subject_of(const char *exclude, const char *path)
{
	const char *slash = strchr(exclude, '/') ? NULL : strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool glob_matches(const char *glob, const char *subject)
{
	return fnmatch(glob, subject, FNM_PATHNAME | FNM_PERIOD) == 0;
}

bool tail_excludes(const struct tail_globs *globs, const char *path)
{
	const struct option_list *exclude = globs->exclude;

	for (size_t i = 0; exclude && i < exclude->count; i++)
		if (glob_matches(exclude->items[i], subject_of(exclude->items[i], path)))
			return true;
	return false;
}

bool tail_matches(const struct tail_globs *globs, const char *path)
{
	for (size_t i = 0; i < globs->paths->count; i++)
		if (glob_matches(globs->paths->items[i], path))
			return !tail_excludes(globs, path);
	return false;
}

static bool is_wild(const char *part)
{
	return strpbrk(part, "*?[\\");
}

/* Whether some name may match both parts. If both have wildcards, the answer is yes. */
static bool parts_meet(struct bytes a, struct bytes b)
{
	char x[PATH_MAX], y[PATH_MAX];

	snprintf(x, sizeof x, "%.*s", (int)a.size, a.data);
	snprintf(y, sizeof y, "%.*s", (int)b.size, b.data);
	if (is_wild(x) && is_wild(y))
		return true;
	return is_wild(x) ? fnmatch(x, y, FNM_PERIOD) == 0 : fnmatch(y, x, FNM_PERIOD) == 0;
}

static bool globs_meet(const char *a, const char *b)
{
	for (;;) {
		size_t x = strcspn(a, "/"), y = strcspn(b, "/");
		if (!parts_meet((struct bytes){ a, x }, (struct bytes){ b, y }))
			return false;
		if (!a[x] || !b[y])
			return a[x] == b[y];
		a += x + 1;
		b += y + 1;
	}
}

static bool is_of_files(const char *glob)
{
	const char *slash = strrchr(glob, '/'), *name = slash ? slash + 1 : glob;

	return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Whether the glob, expanded, may match a file: one of those paths, unless they are NULL. */
static bool may_match(const char *glob, const struct option_list *paths)
{
	const struct option_list list = { .items = &glob, .count = 1 };
	struct option_list made;
	bool may = false;

	if (!tail_globs_expand(&list, &made))
		return true;
	for (size_t i = 0; i < made.count && !may; i++) {
		bool fits = is_of_files(made.items[i]);
		may = fits && !paths;
		for (size_t j = 0; fits && paths && j < paths->count && !may; j++)
			may = globs_meet(made.items[i], subject_of(made.items[i], paths->items[j]));
	}
	tail_globs_free(&made);
	return may;
}

static const char *idle(const struct option_list *globs, const struct option_list *paths)
{
	for (size_t i = 0; globs && i < globs->count; i++)
		if (!may_match(globs->items[i], paths))
			return globs->items[i];
	return NULL;
}

const char *tail_globs_idle_path(const struct option_list *globs)
{
	return idle(globs, NULL);
}

const char *tail_globs_idle_exclude(const struct option_list *exclude, const struct option_list *paths)
{
	return idle(exclude, paths);
}
