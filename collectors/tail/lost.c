#include "collectors/tail/lost.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/tail/search.h"

/* What is sought in one folder, also in the order of inodes. */
struct inodes {
	const struct tail_search *in;
	struct tail_lost_search *search;
	const struct tail_sought **items;
};

static void grow(struct tail_lost_list *list)
{
	list->items = oxp_grow(list->items, &list->room, list->count + 1, sizeof *list->items);
	OXP_ASSERT(list->items && "out of memory");
}

void tail_lost_add(struct tail_lost_list *lost, const char *path, const struct tail_identity *identity)
{
	grow(lost);
	lost->items[lost->count++] = (struct tail_lost){ .path = oxp_strdup(path), .identity = *identity };
}

void tail_lost_move(struct tail_lost_list *from, struct tail_lost_list *to)
{
	struct tail_lost *last = &from->items[--from->count];

	if (to) {
		grow(to);
		to->items[to->count++] = *last;
	} else {
		free(last->path);
	}
}

void tail_lost_clear(struct tail_lost_list *lost)
{
	while (lost->count > 0)
		tail_lost_move(lost, NULL);
	free(lost->items);
	*lost = (struct tail_lost_list){ .items = NULL };
}

/* Rotated files that are compressed are not text. */
static bool is_packed(const char *name)
{
	static const char *const ends[] = { ".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".Z" };
	size_t n = strlen(name);

	for (size_t i = 0; i < COUNT_OF(ends); i++)
		if (n > strlen(ends[i]) && strcmp(name + n - strlen(ends[i]), ends[i]) == 0)
			return true;
	return false;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What rotation makes of a name: app.log.1, app.log-20260101, app.log.old. worker10 is not a rotated worker1. */
static bool is_rotated_name(const char *name, const char *old_name)
{
	size_t n = strlen(old_name);

	if (strncmp(name, old_name, n) != 0 || !name[n] || is_packed(name))
		return false;
	if (n > 0 && is_digit(old_name[n - 1]) && is_digit(name[n]))
		return false;
	return strpbrk(name + n, "0123456789") || strcmp(name + n, ".old") == 0;
}

/* A file that is known, or was found before, is not reported again, and takes no room. */
static void add_rotated(struct tail_lost_search *s, const struct tail_found *found)
{
	struct tail_mark mark = tail_marks_of(s->marks, &found->identity);

	if (mark.known || mark.rotated ||
		!tail_budget_take_rotated(s->budget, tail_cost(found->path) + strlen(found->name)))
		return;
	tail_marks_rotated(s->marks, &found->identity);
	tail_found_add(s->found, found);
}

/* A file that still has its name was not rotated: whatever is beside it is something else, such as a copy. */
static bool has_name(const struct tail_lost *lost)
{
	struct tail_identity now;
	uint64_t size;

	return tail_identify(AT_FDCWD, lost->path, &now, &size) == 0 && tail_same_later(&lost->identity, &now);
}

static bool seek(const struct tail_globs *globs, struct tail_lost *lost, struct tail_sought *ret)
{
	char target[PATH_MAX];
	char *at = tail_search_path(lost->path, target), *slash;

	if (has_name(lost) || !tail_matches(globs, lost->path) || !at)
		return false;
	*ret = (struct tail_sought){ .lost = lost, .made = at == target ? oxp_strdup(at) : NULL };
	ret->at = ret->made ? ret->made : at;
	slash = strrchr(ret->at, '/');
	ret->name = slash ? slash + 1 : ret->at;
	return true;
}

static int by_inode(const void *a, const void *b)
{
	const struct tail_sought *x = *(struct tail_sought *const *)a, *y = *(struct tail_sought *const *)b;
	uint64_t i = x->lost->identity.inode, j = y->lost->identity.inode;

	return i != j ? (i > j) - (i < j) : (x->lost > y->lost) - (x->lost < y->lost);
}

/* The first one with that inode or a larger one. */
static size_t find_inode(const struct inodes *q, uint64_t inode)
{
	size_t low = 0, high = q->in->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (q->items[middle]->lost->identity.inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_inode(const struct inodes *q, size_t i, uint64_t inode)
{
	return i < q->in->count && q->items[i]->lost->identity.inode == inode;
}

/* The file whose name rotation may have turned into that one, if it was born then: the one with the shortest name. */
static const struct tail_sought *rotated_from(const struct tail_search *q, const char *name, int64_t born)
{
	const struct tail_sought *found = NULL;

	for (const struct tail_sought *s = tail_search_before(q, name); s; s = s->shorter)
		if (s->lost->last && s->lost->identity.birth_ns && born >= s->lost->born &&
			is_rotated_name(name, s->name))
			found = s;
	return found;
}

/* The lost file itself has its inode's number; whoever had the name after it was born later and was rotated too. */
static void try_name(const struct inodes *q, const struct dirent *entry)
{
	size_t i = find_inode(q, entry->d_ino);
	const struct tail_sought *from = NULL;
	char path[TAIL_SEARCH_PATH_MAX];
	struct tail_found found = { .path = path };

	if (!is_inode(q, i, entry->d_ino) && !rotated_from(q->in, entry->d_name, INT64_MAX))
		return;
	tail_search_path_of(q->in, entry->d_name, path, sizeof path);
	if (tail_identify(AT_FDCWD, path, &found.identity, &found.size) < 0)
		return;
	found.born = tail_births_order(q->search->births, q->search->now, found.identity.birth_ns);
	for (; is_inode(q, i, entry->d_ino); i++) {
		if (!tail_same_later(&q->items[i]->lost->identity, &found.identity))
			continue;
		q->items[i]->lost->gone = false;
		from = from ? from : q->items[i];
	}
	from = from ? from : rotated_from(q->in, entry->d_name, found.born);
	if (!from)
		return;
	found.name = from->lost->path;
	add_rotated(q->search, &found);
}

static void sort_inodes(struct inodes *q)
{
	q->items = oxp_new(q->in->count * sizeof *q->items);
	for (size_t i = 0; i < q->in->count; i++)
		q->items[i] = &q->in->names[i];
	qsort(q->items, q->in->count, sizeof *q->items, by_inode);
}

static void search_folder(struct tail_search *folder)
{
	struct inodes q = { .in = folder, .search = folder->context };
	struct dirent *entry;
	bool hidden;
	DIR *d;

	sort_inodes(&q);
	d = tail_search_open(folder);
	hidden = !d && errno != ENOENT && errno != ENOTDIR;
	for (size_t i = 0; i < folder->count; i++)
		folder->names[i].lost->gone = d != NULL;
	q.search->unlisted = q.search->unlisted || hidden;
	while (d && (entry = readdir(d)))
		try_name(&q, entry);
	if (d)
		closedir(d);
	free(q.items);
}

static int by_path(const void *a, const void *b)
{
	const struct tail_lost *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	return order ? order : (x->born > y->born) - (x->born < y->born);
}

static int by_birth(const void *a, const void *b)
{
	const struct tail_found *x = a, *y = b;

	return (x->born > y->born) - (x->born < y->born);
}

/* They are in the order of paths and births. One that only tells a time had no name. */
static bool is_last(const struct tail_lost_list *list, size_t i)
{
	const struct tail_lost *lost = list->items;
	size_t next = i + 1;

	while (next < list->count && !lost[next].identity.inode && strcmp(lost[i].path, lost[next].path) == 0)
		next++;
	return next == list->count || strcmp(lost[i].path, lost[next].path) != 0;
}

void tail_lost_search(struct tail_lost_list *list, struct tail_lost_search *s)
{
	struct tail_lost *lost = list->items;
	size_t count = list->count, sought_count = 0;
	struct tail_sought *sought = count ? oxp_new(count * sizeof *sought) : NULL;

	for (size_t i = 0; i < count; i++)
		lost[i].born = tail_births_order(s->births, s->now, lost[i].identity.birth_ns);
	if (count > 1)
		qsort(lost, count, sizeof *lost, by_path);
	for (size_t i = 0; i < count; i++) {
		lost[i].last = is_last(list, i);
		sought_count += seek(s->globs, &lost[i], &sought[sought_count]);
	}
	tail_search_folders(sought, sought_count, search_folder, s);
	tail_found_sort(s->found, by_birth);
}

/* The lost are in the order of their paths by now. */
const struct tail_lost *tail_lost_find(
	const struct tail_lost_list *list, const char *path, const struct tail_identity *identity)
{
	const struct tail_lost *lost = list->items;
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(lost[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < list->count && strcmp(lost[low].path, path) == 0; low++)
		if (tail_same(&lost[low].identity, identity))
			return &lost[low];
	return NULL;
}
