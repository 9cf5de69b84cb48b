/*
 * Opening what stands in folders that others may write to.
 *
 * A sidecar shares volumes with the app, so the app can put a link where we expect a file or a folder. A symbolic link
 * is trusted when only root or we can have put it there: it belongs to one of us, stands in a folder in which others
 * cannot replace it, and, within a container, on the file system of "/" (or /dev, or /proc): on a volume, the other
 * container's root, or its user of the same number, looks like ours. All other links are refused, or told.
 *
 * Every step is taken from an open folder, so nothing can be exchanged between a check and its use.
 */
#ifndef OXP_PATH_H
#define OXP_PATH_H

#include <limits.h>
#include <sys/stat.h>

#include "base/base.h"

/* A folder that is open, and its path without links, for those who need a name. */
struct path_folder {
	int fd;
	char name[PATH_MAX];
};
/* The folder of that path; `make`: what is missing of it is made, with mode 0700. 0, or -errno: -ELOOP for a link that
 * is not trusted. */
int path_folder_open(const char *path, bool make, struct path_folder *ret) MUST_CHECK;
void path_folder_close(struct path_folder *); /* fine on {-1} */

/* The folder that a path stands in, and its name there. The name is no link, unless `by_kernel`: then it is one of
 * /proc, such as /dev/stdout leads to. */
struct path_place {
	int fd;
	bool by_kernel;
	char name[NAME_MAX + 1];
};
/* Nothing need be there yet. A trusted link is followed, others are -ELOOP. 0 or -errno. */
int path_place_open(const char *path, struct path_place *ret) MUST_CHECK;
void path_place_close(struct path_place *);
/* The folder's path without links. 0 or -errno. */
int path_place_folder(const struct path_place *, char to[PATH_MAX]) MUST_CHECK;
/* open() of what has that name in that folder: never through a link. The descriptor or -errno. */
int path_place_get(const struct path_place *, int flags, mode_t mode) MUST_CHECK;

/*
 * A file of ours in a folder: open(), with mode 0600 if O_CREAT makes it. Only a regular file with one name that
 * belongs to us, to root or to whom the folder belongs is ours. The descriptor, or -errno: -ELOOP a symbolic link,
 * -EMLINK several names, -EBADF no regular file, -EKEYREJECTED somebody else's.
 */
int path_ours_open(int folder, const char *name, int flags) MUST_CHECK;
/* 0 when it is ours or is not there; else as above. */
int path_ours_check(int folder, const char *name) MUST_CHECK;
/* The files of a database of ours: NAME, made when it is not there, and those of SQLite beside it, which need not be
 * there. 0, or as above. */
int path_ours_database(int folder, const char *name) MUST_CHECK;
/* Renames NAME, and what SQLite has beside it, to NAME.corrupt-N. 0, or -errno: -EEXIST after a thousand. */
int path_ours_set_aside(int folder, const char *name) MUST_CHECK;
/* open() of what a descriptor is open at (O_PATH is enough), whoever has its name now; with O_NONBLOCK and O_NOCTTY.
 * The other descriptor or -errno. */
int path_reopen(int fd, int flags) MUST_CHECK;
/* Only what has one name: 0, or -EMLINK. */
int path_one_name(const struct stat *) MUST_CHECK;

/* To read a file wherever links lead to. `strange` tells whether there was one among them that is not trusted; `name`
 * is where it really stands. Devices and FIFOs are not opened. The descriptor or -errno. */
struct path_found {
	bool strange;
	bool planted; /* it has several names, and whoever can write to its folder may have made this one */
	char name[PATH_MAX];
};
int path_read_open(const char *path, struct path_found *ret) MUST_CHECK;
/* Whether `name`, without links, stands below the folder, likewise. */
bool path_is_below(const char *name, const char *folder);

/* What a failure of the above means, for people: what is there, what was expected, what to do. */
const char *path_why(int failed);

#endif
