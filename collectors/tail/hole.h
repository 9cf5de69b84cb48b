/*
 * Holes of zeros in a log file. A writer that does not append keeps its place when copytruncate cuts its file down, and
 * writes on behind a hole: no line of the log, and as long as the file once was.
 *
 * Only whole runs of zeros between two lines are holes, and only when something follows them: what a writer has
 * set aside at the end may be written yet. Fewer than TAIL_HOLE_MIN zeros are left in their line.
 */
#ifndef OXP_TAIL_HOLE_H
#define OXP_TAIL_HOLE_H

#include "base/bytes.h"

enum { TAIL_HOLE_MIN = 16 };

/* How many of the bytes are zeros, before any other. */
size_t tail_zeros(const char *data, size_t size);
/* How many of the bytes, which begin with a line, stand before the first hole; all when there is none. */
size_t tail_before_hole(const char *data, size_t size);
/* The zeros from `offset` on in a file of `size` bytes: holes of the file system cost nothing, and of what is stored
 * 1 MiB is looked at. 1: there is more behind *ret_zeros; 0: nothing else is there; or -errno. */
int tail_hole_at(int fd, uint64_t offset, uint64_t size, uint64_t *ret_zeros);

#endif
