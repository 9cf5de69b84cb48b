#include "base/nameless.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/path.h"

/* For file systems that know no O_TMPFILE. */
static int open_and_unlink(const struct path_folder *at)
{
	char path[PATH_MAX];
	int fd;

	if ((size_t)snprintf(path, sizeof path, "%s/nameless-XXXXXX", at->name) >= sizeof path)
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

int nameless_open(const char *folder)
{
	struct path_folder at;
	int failed = path_folder_open(folder, false, &at), fd;

	if (failed)
		return failed;
	fd = openat(at.fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	failed = errno;
	if (fd < 0 && (failed == EOPNOTSUPP || failed == EISDIR || failed == EINVAL))
		fd = open_and_unlink(&at);
	else if (fd < 0)
		fd = -failed;
	path_folder_close(&at);
	return fd;
}

uint64_t nameless_room(int fd, uint64_t in_memory)
{
	struct statfs info;

	if (fstatfs(fd, &info) < 0)
		return UINT64_MAX;
	if (info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC)
		return in_memory;
	return (uint64_t)info.f_bavail * (uint64_t)info.f_bsize / 2;
}
