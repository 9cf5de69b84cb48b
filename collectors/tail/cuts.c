#include "collectors/tail/cuts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collectors/tail/copyname.h"
#include "collectors/tail/head.h"
#include "collectors/tail/search.h"

enum { YOUNG_S = 3600 };

void tail_cut_add(struct tail_cut_list *cuts, const struct position *at, bool before)
{
	struct tail_cut *cut;

	cuts->items = oxp_grow(cuts->items, &cuts->room, cuts->count + 1, sizeof *cuts->items);
	OXP_ASSERT(cuts->items && "out of memory");
	cut = &cuts->items[cuts->count++];
	*cut = (struct tail_cut){ .path = oxp_strdup(at->path), .at = *at, .before = before };
	cut->at.path = cut->path;
}

void tail_cut_move(struct tail_cut_list *from, struct tail_cut_list *to)
{
	struct tail_cut *last = &from->items[--from->count];

	if (to)
		tail_cut_add(to, &last->at, last->before);
	free(last->path);
}

void tail_cut_clear(struct tail_cut_list *cuts)
{
	while (cuts->count > 0)
		tail_cut_move(cuts, NULL);
	free(cuts->items);
	*cuts = (struct tail_cut_list){ .items = NULL };
}

/* A file of an earlier run may have been cut down, and so copied, at any time since the last look of that run. */
static bool is_young(const struct tail_cut_search *s, const struct tail_cut *cut, int64_t birth_ns)
{
	int64_t age = tail_births_since(s->births, s->now, birth_ns).ns;
	int64_t down =
		cut->before && s->known_before.ns ? tail_births_since(s->births, s->now, s->known_before.ns).ns : 0;

	return age - DURATION_S(YOUNG_S).ns <= (down > 0 ? down : 0);
}

/* Whether it begins as the cut file did, and has the bytes that this had before its offset: 1, 0 or -errno. If nothing
 * was read yet, only the beginning can be compared, and older copies may have the same one; so the copy must be
 * young. */
static int is_copy(const struct tail_cut_search *s, const struct tail_cut *cut, int fd, const struct tail_found *found)
{
	const struct tail_before before = { cut->at.before_hash, cut->at.before_size };
	int same = found->size >= cut->at.offset ? tail_head_is(fd, &cut->at) : 0;

	if (same <= 0)
		return same;
	return before.size > 0 ? tail_stood_before(fd, cut->at.offset, &before)
			       : is_young(s, cut, found->identity.birth_ns);
}

/* The first copy of a file is read on as that file, which is known; others are left out if there are too many. */
static bool has_copy_room(struct tail_budget *budget, struct tail_cut *cut, const char *path)
{
	bool first = !cut->found;

	cut->found = true;
	return first || tail_budget_take_rotated(budget, tail_cost(path) + strlen(cut->path));
}

/* False: it could not be looked at. */
static bool try_copy(struct tail_cut_search *s, struct tail_cut *cut, char *path)
{
	struct tail_found found = { .path = path, .name = cut->path, .generation = cut->at.generation };
	int fd, same = 0;

	if (tail_identify(AT_FDCWD, path, &found.identity, &found.size) < 0)
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT;
	if (tail_identify(fd, "", &found.identity, &found.size) == 0)
		same = is_copy(s, cut, fd, &found);
	close(fd);
	if (same > 0 && has_copy_room(s->budget, cut, path))
		tail_found_add(s->found, &found);
	return same >= 0;
}

static void try_copies(const struct tail_search *q, const char *name)
{
	char path[TAIL_SEARCH_PATH_MAX];

	for (const struct tail_sought *s = tail_search_before(q, name); s; s = s->shorter) {
		if (!tail_copyname_is(name, s->original))
			continue;
		tail_search_path_of(q, name, path, sizeof path);
		s->cut->looked = try_copy(q->context, s->cut, path) && s->cut->looked;
	}
}

static void search_folder(struct tail_search *q)
{
	struct dirent *entry;
	DIR *d;

	d = tail_search_open(q);
	for (size_t i = 0; i < q->count; i++)
		q->names[i].cut->looked = d != NULL;
	while (d && (entry = readdir(d)))
		try_copies(q, entry->d_name);
	if (d)
		closedir(d);
}

/* One piece of memory: the part of the path that copies have in common with it, and then the whole name. */
static bool seek_copies(struct tail_cut *cut, struct tail_sought *ret)
{
	char target[PATH_MAX], *at = tail_search_path(cut->path, target);
	const char *slash, *name;
	size_t folder;

	if (!at)
		return false;
	slash = strrchr(at, '/');
	name = slash ? slash + 1 : at;
	folder = (size_t)(name - at);
	*ret = (struct tail_sought){ .cut = cut, .made = oxp_new(folder + 2 * strlen(name) + 2) };
	stpcpy(stpcpy(ret->made, at) + 1, name);
	ret->at = ret->made;
	ret->name = ret->made + folder;
	ret->original = ret->name + strlen(name) + 1;
	ret->made[folder + tail_copyname_stem(name)] = '\0';
	return true;
}

/* Copies of newer files first; copies of one file by name. */
static int by_original(const void *a, const void *b)
{
	const struct tail_found *x = a, *y = b;

	return x->generation != y->generation ? (x->generation < y->generation) - (x->generation > y->generation)
					      : strcmp(x->path, y->path);
}

void tail_cut_search(struct tail_cut_list *cuts, struct tail_cut_search *s)
{
	struct tail_sought *sought = cuts->count ? oxp_new(cuts->count * sizeof *sought) : NULL;
	size_t count = 0;

	for (size_t i = 0; i < cuts->count; i++)
		count += seek_copies(&cuts->items[i], &sought[count]);
	tail_search_folders(sought, count, search_folder, s);
	tail_found_sort(s->found, by_original);
}

bool tail_cut_looked(const struct tail_cut_list *cuts, uint64_t generation)
{
	for (size_t i = 0; i < cuts->count; i++)
		if (cuts->items[i].at.generation == generation)
			return cuts->items[i].looked;
	return false;
}
