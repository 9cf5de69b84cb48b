#include "base/held_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void held_file_init(struct held_file *h)
{
	*h = (struct held_file){ .fd = -1 };
}

static int look(int fd)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return -errno;
	if (!S_ISREG(info.st_mode))
		return -EBADF;
	return info.st_size > HELD_FILE_MAX ? -EFBIG : 0;
}

/* Takes the descriptor. The number that is held stays. */
static int hold(struct held_file *h, int fd)
{
	int failed = 0;

	if (h->fd < 0) {
		h->fd = fd;
		snprintf(h->path, sizeof h->path, "/proc/self/fd/%d", fd);
		return 0;
	}
	if (dup3(fd, h->fd, O_CLOEXEC) < 0)
		failed = -errno;
	close(fd);
	return failed;
}

int held_file_renew(struct held_file *h, const char *name)
{
	int fd = open(name, O_PATH | O_CLOEXEC), failed;

	if (fd < 0)
		return -errno;
	failed = look(fd);
	if (!failed)
		return hold(h, fd);
	close(fd);
	return failed;
}

void held_file_done(struct held_file *h)
{
	if (h->fd >= 0)
		close(h->fd);
	held_file_init(h);
}

const char *held_file_why(int failed)
{
	return failed == -EBADF   ? "it is not a regular file"
	       : failed == -EFBIG ? "it is larger than 1 MiB"
				  : strerror(-failed);
}
