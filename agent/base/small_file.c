#include "base/small_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

enum { PIECE = 4 << 10 };

void file_identify(const char *path, struct file_identity *ret)
{
	struct stat info;

	memset(ret, 0, sizeof *ret);
	if (stat(path, &info) == 0)
		*ret = (struct file_identity){ info.st_dev, info.st_ino, info.st_size, info.st_mtim, info.st_ctim };
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool file_is_same(const struct file_identity *a, const struct file_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

static int read_all(int fd, struct buffer *to)
{
	ssize_t n;

	do {
		char *at = buffer_reserve(to, PIECE);
		if (!at)
			return -EFBIG;
		n = read(fd, at, PIECE);
		to->size += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

int small_file_read(const char *path, struct buffer *to)
{
	int fd = path_regular_open(path), failed;

	if (fd < 0)
		return fd;
	failed = read_all(fd, to);
	close(fd);
	return failed;
}

const char *small_file_why(int failed)
{
	return failed == -EBADF ? "it is not a regular file" : failed == -EFBIG ? "it is too large" : strerror(-failed);
}
