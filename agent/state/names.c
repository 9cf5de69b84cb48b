#include "state/names.h"

#include <fcntl.h>
#include <sys/stat.h>

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool leads_to(int folder, const char *name, int flags, int fd)
{
	struct stat there, open;

	if (fd < 0 || fstat(fd, &open) < 0)
		return true;
	return fstatat(folder, name, &there, flags) == 0 && is_same(&there, &open);
}

const char *names_missing(const char *path, const struct path_folder *folder, const struct names_file *files)
{
	if (!leads_to(AT_FDCWD, path, 0, folder->fd))
		return "the folder";
	for (; files->name; files++)
		if (!leads_to(folder->fd, files->name, AT_SYMLINK_NOFOLLOW, files->fd))
			return files->name;
	return NULL;
}
