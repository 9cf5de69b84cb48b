/*
 * Whether the names of open files still lead to them. For agent/state/ only.
 *
 * What is written to a file that was removed, renamed or replaced is gone when the process ends, and no write fails.
 */
#ifndef OXP_STATE_NAMES_H
#define OXP_STATE_NAMES_H

#include "base/path.h"

struct names_file {
	const char *name; /* in the folder */
	int fd; /* -1: it is not open, and fine */
};
/* The first of the files, ending with one of no name, that its name does not lead to; "the folder" if `path` leads to
 * another folder; NULL: all is well. May block. */
const char *names_missing(const char *path, const struct path_folder *, const struct names_file *);

#endif
