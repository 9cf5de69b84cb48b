/*
 * A file that a library is to read, by name, whenever it likes, while others can put something else in its place: a
 * FIFO would hold the whole process for as long as nobody writes to it, and so would a device. So it is opened here,
 * which reads nothing (O_PATH), looked at, and held; the library gets a path that leads to what is held, whatever has
 * the name by then.
 */
#ifndef OXP_HELD_FILE_H
#define OXP_HELD_FILE_H

#include "base/base.h"

enum { HELD_FILE_MAX = 1 << 20, HELD_FILE_PATH = 32 };

struct held_file {
	int fd; /* -1: nothing is held */
	char path[HELD_FILE_PATH]; /* the same for as long as it is held, also if it is renewed */
};

void held_file_init(struct held_file *);
/* Holds what has that name now. 0 or -errno, with what was held before still in place: -EBADF if it is not a regular
 * file, -EFBIG if it is larger than HELD_FILE_MAX. */
int held_file_renew(struct held_file *, const char *name) MUST_CHECK;
void held_file_done(struct held_file *);
/* What is wrong, for people. */
const char *held_file_why(int failed);

#endif
