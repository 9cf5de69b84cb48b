#include "collectors/tail/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

int tail_identify(int fd, const char *path, struct tail_identity *ret, uint64_t *ret_size)
{
	struct statx x;

	if (statx(fd, path, fd >= 0 ? AT_EMPTY_PATH : 0, STATX_BASIC_STATS | STATX_BTIME, &x) < 0)
		return -errno;
	if (!S_ISREG(x.stx_mode))
		return -EINVAL;
	ret->dev = makedev(x.stx_dev_major, x.stx_dev_minor);
	ret->inode = x.stx_ino;
	ret->birth_ns = x.stx_mask & STATX_BTIME ? ns_of(x.stx_btime.tv_sec, x.stx_btime.tv_nsec) : 0;
	*ret_size = x.stx_size;
	return 0;
}

bool tail_same(const struct tail_identity *a, const struct tail_identity *b)
{
	return a->dev == b->dev && a->inode == b->inode &&
	       (a->birth_ns == b->birth_ns || a->birth_ns == 0 || b->birth_ns == 0);
}

bool tail_same_later(const struct tail_identity *then, const struct tail_identity *now)
{
	return tail_same(then, now) ||
	       (then->inode == now->inode && then->birth_ns != 0 && then->birth_ns == now->birth_ns);
}
