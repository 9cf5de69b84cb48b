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

void tail_scan_clear(struct tail_scan *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->files[i].path);
	for (size_t i = 0; i < s->folder_count; i++)
		free(s->folders[i]);
	for (size_t i = 0; i < s->lost_count; i++)
		free(s->lost[i].path);
	free(s->files);
	free(s->folders);
	free(s->lost);
	s->files = s->lost = NULL;
	s->folders = NULL;
	s->count = s->room = s->folder_count = s->folder_room = s->lost_count = 0;
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

static void each_match(struct tail_scan *s, const char *pattern, int flags, void (*visit)(struct tail_scan *, const char *))
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

/* A file that was renamed while nobody looked: it stands beside its old name, under the same inode. */
static void find_lost(struct tail_found *lost)
{
	char folder[PATH_MAX], *slash;
	struct dirent *entry;
	DIR *d;

	snprintf(folder, sizeof folder, "%s", lost->path);
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	d = opendir(slash ? folder : ".");
	while (d && (entry = readdir(d)))
		if (entry->d_ino == lost->identity.inode) {
			char path[PATH_MAX + NAME_MAX + 2];
			snprintf(path, sizeof path, "%s/%s", slash ? folder : ".", entry->d_name);
			free(lost->path);
			lost->path = oxp_strdup(path);
			lost->size = 1;
			break;
		}
	if (d)
		closedir(d);
}

void tail_scan_work(struct job *job)
{
	struct tail_scan *s = CONTAINER_OF(job, struct tail_scan, job);

	for (size_t i = 0; i < s->globs->count; i++) {
		each_match(s, s->globs->items[i], 0, add_file);
		find_folders(s, s->globs->items[i]);
	}
	for (size_t i = 0; i < s->lost_count; i++) {
		s->lost[i].size = 0;
		find_lost(&s->lost[i]);
	}
}
