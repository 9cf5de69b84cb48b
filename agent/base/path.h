/*
 * Opening files in folders that others may write to.
 *
 * A sidecar shares volumes with the app, so the app can put a link where we expect a file or a folder. A symbolic link
 * is trusted if only root or our own user can have made it: it belongs to one of them, and it is in a folder where
 * nobody else can replace it. In a container it must also be on the file system of "/", /dev or /proc: on a volume,
 * root of another container, or a user there with our number, looks like ours. All other links are refused or
 * reported.
 *
 * Every step starts from an open folder, so nothing can be exchanged between a check and its use.
 */
#ifndef OXP_PATH_H
#define OXP_PATH_H

#include <limits.h>
#include <sys/stat.h>

#include "base/base.h"

/* An open folder, and its path without links for callers that need a name. */
struct path_folder {
	int fd;
	char name[PATH_MAX];
};
/* Opens the folder at that path. `make`: missing folders are made, with mode 0700. 0 or -errno; -ELOOP for a link that
 * is not trusted. */
int path_folder_open(const char *path, bool make, struct path_folder *ret) MUST_CHECK;
void path_folder_close(struct path_folder *); /* fine on {-1} */

/* The folder that a path is in, and its name there. The name is not a link, unless `by_kernel`: then it is a link in
 * /proc, as behind /dev/stdout. */
struct path_entry {
	int fd;
	bool by_kernel;
	char name[NAME_MAX + 1];
};
/* The file need not exist. A trusted link is followed; any other is -ELOOP. 0 or -errno. */
int path_entry_open(const char *path, struct path_entry *ret) MUST_CHECK;
void path_entry_close(struct path_entry *);
/* The folder's path without links. 0 or -errno. */
int path_entry_folder(const struct path_entry *, char to[PATH_MAX]) MUST_CHECK;
/* The path without links of a file that need not exist. 0 or -errno, also for a link that only the kernel follows. */
int path_without_links(const char *path, char to[PATH_MAX]) MUST_CHECK;
/* open() of that name in that folder, never through a link. Returns the descriptor or -errno. */
int path_entry_get(const struct path_entry *, int flags, mode_t mode) MUST_CHECK;

/*
 * open() of a file of ours in a folder, with mode 0600 if O_CREAT makes it. A file is ours if it is regular, has one
 * name, and belongs to us, to root or to the owner of the folder. Returns the descriptor or -errno: -ELOOP for a
 * symbolic link, -EMLINK for several names, -EBADF if it is not regular, -EKEYREJECTED if it is somebody else's.
 */
int path_ours_open(int folder, const char *name, int flags) MUST_CHECK;
/* 0 if it is ours or does not exist; otherwise as above. */
int path_ours_check(int folder, const char *name) MUST_CHECK;
/* The same for the files of a database: NAME, which is made if it is missing, and those that SQLite puts beside it. 0,
 * or as above. */
int path_ours_database(int folder, const char *name) MUST_CHECK;
/* Renames NAME, and the files that SQLite put beside it, to NAME.corrupt-N. 0 or -errno; -EEXIST after a thousand. */
int path_ours_set_aside(int folder, const char *name) MUST_CHECK;
/* Opens a regular file to read it, through any link; a FIFO in its place does not block. The descriptor or -errno;
 * -EBADF if it is not regular. */
int path_regular_open(const char *path) MUST_CHECK;
/* Opens the file of a descriptor again (O_PATH is enough), whatever has its name now; with O_NONBLOCK and O_NOCTTY.
 * Returns the new descriptor or -errno. */
int path_reopen(int fd, int flags) MUST_CHECK;
/* The descriptor's path without links. 0 or -errno. */
int path_of(int fd, char to[PATH_MAX]) MUST_CHECK;
/* 0, or -ENOTBLK for a device that keeps nothing, or keeps it where nobody looks for lines. Terminals are fine, and so
 * are the two that say what they do: null and full. */
int path_takes_lines(const struct stat *) MUST_CHECK;
/* 0 if the file has one name, otherwise -EMLINK. */
int path_one_name(const struct stat *) MUST_CHECK;

struct path_found {
	bool strange; /* at least one of the links is not trusted */
	bool planted; /* it has several names, and anybody who can write to its folder may have made this one */
	char name[PATH_MAX]; /* the path without links */
};
/* Opens a file for reading, wherever links lead. Devices and FIFOs are not opened. Returns the descriptor or -errno. */
int path_read_open(const char *path, struct path_found *ret) MUST_CHECK;
/* Whether `name` is below `folder`; both are without links. */
bool path_is_below(const char *name, const char *folder);

/* What a failure of the above means, for people: what it is, what was expected, what to do. */
const char *path_why(int failed);

#endif
