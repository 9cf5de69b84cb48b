#include "collectors/tail_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { FILES_MAX = 100000, FOLDERS_MAX = 10000 };

int tail_identify(int fd, const char *path, struct tail_identity *ret, uint64_t *ret_size)
{
	struct statx x;

	if (statx(fd, path, fd >= 0 ? AT_EMPTY_PATH : 0, STATX_BASIC_STATS | STATX_BTIME, &x) < 0)
		return -errno;
	if (!S_ISREG(x.stx_mode))
		return -EINVAL;
	ret->dev = makedev(x.stx_dev_major, x.stx_dev_minor);
	ret->inode = x.stx_ino;
	ret->birth_ns = x.stx_mask & STATX_BTIME ? x.stx_btime.tv_sec * 1000000000LL + x.stx_btime.tv_nsec : 0;
	*ret_size = x.stx_size;
	return 0;
}

bool tail_same(const struct tail_identity *a, const struct tail_identity *b)
{
	return a->dev == b->dev && a->inode == b->inode &&
	       (a->birth_ns == b->birth_ns || a->birth_ns == 0 || b->birth_ns == 0);
}

static void free_found(struct tail_found **files, size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		free((*files)[i].path);
	free(*files);
	*files = NULL;
	*count = 0;
}

void tail_scan_clear(struct tail_scan *s)
{
	free_found(&s->files, &s->count);
	free_found(&s->lost, &s->lost_count);
	free_found(&s->rotated, &s->rotated_count);
	for (size_t i = 0; i < s->folder_count; i++)
		free(s->folders[i]);
	free(s->folders);
	s->folders = NULL;
	s->room = s->folder_count = s->folder_room = s->rotated_room = 0;
}

static void *grow(void *items, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return items;
	*room = *room ? 2 * *room : 16;
	items = realloc(items, *room * size);
	OXP_ASSERT(items && "out of memory");
	return items;
}

static void add_folder(struct tail_scan *s, const char *path)
{
	for (size_t i = 0; i < s->folder_count; i++)
		if (strcmp(s->folders[i], path) == 0)
			return;
	if (s->folder_count == FOLDERS_MAX)
		return;
	s->folders = grow(s->folders, s->folder_count, &s->folder_room, sizeof *s->folders);
	s->folders[s->folder_count++] = oxp_strdup(path);
}

static void add_file(struct tail_scan *s, const char *path)
{
	struct tail_found found;

	if (s->count == FILES_MAX || tail_identify(AT_FDCWD, path, &found.identity, &found.size) < 0)
		return;
	found.path = oxp_strdup(path);
	s->files = grow(s->files, s->count, &s->room, sizeof *s->files);
	s->files[s->count++] = found;
}

static void each_match(
	struct tail_scan *s, const char *pattern, int flags, void (*visit)(struct tail_scan *, const char *))
{
	glob_t found;

	if (glob(pattern, flags | GLOB_NOSORT, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			visit(s, found.gl_pathv[i]);
	globfree(&found);
}

/* The folders that can come to hold a match: those the pattern's own folder matches, and every folder above that has a
 * wildcard below it, down from the last one that is written out. */
static void find_folders(struct tail_scan *s, const char *pattern)
{
	char folder[PATH_MAX], *slash;

	snprintf(folder, sizeof folder, "%s", pattern);
	while ((slash = strrchr(folder, '/'))) {
		*slash = '\0';
		each_match(s, *folder ? folder : "/", GLOB_ONLYDIR, add_folder);
		if (!strpbrk(folder, "*?[") && (s->folder_count > 0 || !*folder))
			return;
	}
	if (!strchr(pattern, '/'))
		add_folder(s, ".");
}

/* Rotated files that are packed are no text. */
static bool is_packed(const char *name)
{
	static const char *const ends[] = { ".gz", ".bz2", ".xz", ".zst", ".lz4" };
	size_t n = strlen(name);

	for (size_t i = 0; i < COUNT_OF(ends); i++)
		if (n > strlen(ends[i]) && strcmp(name + n - strlen(ends[i]), ends[i]) == 0)
			return true;
	return false;
}

/* Whether the file is the lost one, or had its name after it: rotation adds to a name, and it was born later. */
static bool belongs(
	const struct tail_found *lost, const char *old_name, const char *name, const struct tail_identity *i)
{
	if (tail_same(&lost->identity, i))
		return true;
	return strncmp(name, old_name, strlen(old_name)) == 0 && strcmp(name, old_name) != 0 && !is_packed(name) &&
	       lost->identity.birth_ns > 0 && i->birth_ns > lost->identity.birth_ns;
}

static void add_rotated(struct tail_scan *s, const struct tail_found *found)
{
	for (size_t i = 0; i < s->rotated_count; i++)
		if (tail_same(&s->rotated[i].identity, &found->identity))
			return;
	s->rotated = grow(s->rotated, s->rotated_count, &s->rotated_room, sizeof *s->rotated);
	s->rotated[s->rotated_count] = *found;
	s->rotated[s->rotated_count++].path = oxp_strdup(found->path);
}

/* A file that still has its name was not rotated: what stands beside it is something else, such as a copy. */
static bool has_name(const struct tail_found *lost)
{
	struct tail_identity now;
	uint64_t size;

	return tail_identify(AT_FDCWD, lost->path, &now, &size) == 0 && tail_same(&now, &lost->identity);
}

/* Looks through the folder of the old name. */
static void find_lost(struct tail_scan *s, const struct tail_found *lost)
{
	char folder[PATH_MAX], path[PATH_MAX + NAME_MAX + 2], *slash;
	const char *old_name = strrchr(lost->path, '/');
	struct dirent *entry;
	DIR *d;

	old_name = old_name ? old_name + 1 : lost->path;
	snprintf(folder, sizeof folder, "%s", lost->path);
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	d = opendir(!slash ? "." : *folder ? folder : "/");
	while (d && (entry = readdir(d))) {
		struct tail_found found = { .path = path };
		snprintf(path, sizeof path, "%s/%s", slash ? folder : ".", entry->d_name);
		if (tail_identify(AT_FDCWD, path, &found.identity, &found.size) == 0 &&
			belongs(lost, old_name, entry->d_name, &found.identity))
			add_rotated(s, &found);
	}
	if (d)
		closedir(d);
}

static int by_birth(const void *a, const void *b)
{
	const struct tail_found *x = a, *y = b;

	return (x->identity.birth_ns > y->identity.birth_ns) - (x->identity.birth_ns < y->identity.birth_ns);
}

void tail_scan_work(struct job *job)
{
	struct tail_scan *s = CONTAINER_OF(job, struct tail_scan, job);

	for (size_t i = 0; i < s->globs->count; i++) {
		each_match(s, s->globs->items[i], 0, add_file);
		find_folders(s, s->globs->items[i]);
	}
	for (size_t i = 0; i < s->lost_count; i++)
		if (!has_name(&s->lost[i]))
			find_lost(s, &s->lost[i]);
	if (s->rotated_count > 1)
		qsort(s->rotated, s->rotated_count, sizeof *s->rotated, by_birth);
}
