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

/* The folder of a path, with links resolved; NULL if it cannot be asked. */
static const char *real_folder(struct tail_place *place, const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	if (!folder[0])
		folder[0] = '/', folder[1] = '\0';
	if (strcmp(place->folder, folder) == 0)
		return place->real;
	tail_place_forget(place);
	if (!realpath(folder, place->real))
		return NULL;
	snprintf(place->folder, sizeof place->folder, "%s", folder);
	return place->real;
}

/* Renamed within the folder in which it is looked for. */
static bool is_beside_its_name(const struct tail_file *f, struct tail_place *place)
{
	char now[PATH_MAX], then[PATH_MAX], *slash;
	struct tail_identity identity;
	const char *real;
	uint64_t size;
	struct stat info;
	bool linked = lstat(f->path, &info) == 0 && S_ISLNK(info.st_mode);

	if (path_of(f->fd, now) < 0 || tail_identify(AT_FDCWD, now, &identity, &size) < 0 ||
		!tail_same(&f->identity, &identity))
		return false;
	slash = strrchr(now, '/');
	if (goes_with_us(slash + 1) || (linked && !realpath(f->path, then)))
		return false;
	real = real_folder(place, linked ? then : f->path);
	if (!real)
		return false;
	*slash = '\0';
	return strcmp(real, now) == 0 || (!now[0] && strcmp(real, "/") == 0);
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

enum tail_fate tail_fate(const struct tail_file *f, struct tail_place *place)
{
	const struct tail_trait *trait = tail_file_trait(f);

	if (!trait->open)
		return trait->gone ? TAIL_OURS : TAIL_LASTS;
	if (tail_is_cut(f))
		return TAIL_OURS_CUT;
	if (is_removed(f))
		return TAIL_OURS;
	if (has_its_name(f) || (!trait->compressed && is_beside_its_name(f, place)))
		return TAIL_LASTS;
	return TAIL_OURS;
}
