/*
 * Holes of zeros in a log file. A writer that does not append keeps its offset when copytruncate cuts its file down: it
 * goes on behind a hole that is as long as the file was, and is not a line of the log.
 *
 * A hole is a whole run of zeros between two lines that has something behind it: zeros at the end may be space that a
 * writer has reserved and will still write to. Fewer than TAIL_HOLE_MIN zeros are part of their line.
 */
#ifndef OXP_TAIL_HOLE_H
#define OXP_TAIL_HOLE_H

#include "base/bytes.h"

/* A hole that is stored is looked at in pieces of this size. */
enum { TAIL_HOLE_MIN = 16, TAIL_HOLE_PIECE = 16 << 10 };

/* How many of the bytes are zeros, before any other. */
size_t tail_zeros(const char *data, size_t size);
/* How many of the bytes, which begin with a line, are before the first hole; all if there is none. */
size_t tail_before_hole(const char *data, size_t size);
/* The zeros from `offset` on in a file of `size` bytes: holes of the file system cost nothing, and of what is stored
 * 1 MiB is looked at. 1: there is more behind *ret_zeros; 0: nothing else is there; or -errno. */
int tail_hole_at(int fd, uint64_t offset, uint64_t size, uint64_t *ret_zeros);

#endif
