/* What a file is, whatever it is called: inodes are used again, so birth and the first bytes belong to it (head.h). */
#ifndef OXP_TAIL_IDENTITY_H
#define OXP_TAIL_IDENTITY_H

#include "base/clock.h"

struct tail_identity {
	uint64_t dev, inode;
	int64_t birth_ns; /* 0 where the file system tells none */
};

/* 0 or -errno; anything but a regular file is -EINVAL. */
int tail_identify(int fd, const char *path, struct tail_identity *ret, uint64_t *ret_size) MUST_CHECK;
bool tail_same(const struct tail_identity *, const struct tail_identity *);
/* The same for what was known in an earlier run: NFS, btrfs, LVM and others are other devices when they are mounted
 * again, but inode and birth stay. */
bool tail_same_later(const struct tail_identity *then, const struct tail_identity *now);

#endif
