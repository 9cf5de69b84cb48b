/*
 * Reading and writing a piece of a file as a whole, at a place, however many calls that takes. May block.
 */
#ifndef OXP_WHOLE_H
#define OXP_WHOLE_H

#include <sys/types.h>

#include "base/base.h"

/* 0 or -errno, and perhaps a part of it is written; -ENOSPC also if nothing more is taken without an error. */
int whole_write(int fd, const void *data, size_t size, uint64_t at) MUST_CHECK;
/* How many bytes there were, fewer than `size` if the file ends before; or -errno. */
ssize_t whole_read(int fd, void *to, size_t size, uint64_t at) MUST_CHECK;

#endif
