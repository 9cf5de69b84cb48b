/*
 * A small file that others replace while we run: a certificate, a list of credentials. Everything here may block.
 */
#ifndef OXP_SMALL_FILE_H
#define OXP_SMALL_FILE_H

#include <sys/types.h>
#include <time.h>

#include "base/bytes.h"

/* What a file is as long as it is not written, replaced, or led to by another link. Zero: there is none. */
struct file_identity {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified, changed;
};

void file_identify(const char *path, struct file_identity *ret);
bool file_is_same(const struct file_identity *, const struct file_identity *);
/* All of it, up to the ceiling of `to`. 0; -EBADF if it is not a regular file, -EFBIG, or another -errno. */
int small_file_read(const char *path, struct buffer *to) MUST_CHECK;
/* What is wrong, for people. */
const char *small_file_why(int failed);

#endif
