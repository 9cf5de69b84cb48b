#include "collectors/tail/lasts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/path.h"

/* A folder that cannot be asked now may be asked later. */
static bool has_its_name(const struct tail_file *f)
{
	struct tail_identity now;
	uint64_t size;
	int failed = tail_identify(AT_FDCWD, f->path, &now, &size);

	if (failed)
		return !tail_file_trait(f)->gone && failed != -ENOENT && failed != -ENOTDIR && failed != -EINVAL;
	return tail_same(&f->identity, &now);
}

/* NFS and FUSE keep a removed file under such a name until nobody has it open any more. */
static bool goes_with_us(const char *name)
{
	return strncmp(name, ".nfs", 4) == 0 || strncmp(name, ".fuse_hidden", 12) == 0;
}

/* Renamed within the folder in which it is looked for. */
static bool is_beside_its_name(const struct tail_file *f)
{
	char now[PATH_MAX], then[PATH_MAX], folder[PATH_MAX], *slash;
	struct tail_identity identity;
	uint64_t size;
	struct stat info;

	if (path_of(f->fd, now) < 0 || tail_identify(AT_FDCWD, now, &identity, &size) < 0 ||
		!tail_same(&f->identity, &identity))
		return false;
	if (lstat(f->path, &info) == 0 && S_ISLNK(info.st_mode)) {
		if (!realpath(f->path, then))
			return false;
	} else {
		snprintf(then, sizeof then, "%s", f->path);
	}
	slash = strrchr(then, '/');
	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - then) : 1, slash ? then : ".");
	slash = strrchr(now, '/');
	if (goes_with_us(slash + 1) || !realpath(folder[0] ? folder : "/", then))
		return false;
	*slash = '\0';
	return strcmp(then, now) == 0 || (!now[0] && strcmp(then, "/") == 0);
}

static bool is_removed(const struct tail_file *f)
{
	struct stat info;

	return !tail_file_trait(f)->compressed && fstat(f->fd, &info) == 0 && info.st_nlink == 0;
}

bool tail_is_cut(const struct tail_file *f)
{
	const struct position at = tail_file_read_to(f);
	struct stat info;

	if (f->fd < 0 || fstat(f->fd, &info) < 0)
		return false;
	return (uint64_t)info.st_size < f->offset || tail_head_is(f->fd, &at) == 0 ||
	       (f->before.size > 0 && tail_stood_before(f->fd, f->offset, &f->before) == 0);
}

bool tail_lasts(const struct tail_file *f)
{
	const struct tail_trait *trait = tail_file_trait(f);

	if (!trait->open)
		return !trait->gone;
	if (is_removed(f) || tail_is_cut(f))
		return false;
	return has_its_name(f) || (!trait->compressed && is_beside_its_name(f));
}
