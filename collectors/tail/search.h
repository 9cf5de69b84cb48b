/*
 * Files that are beside others: each name in a folder is compared with those that are looked for in it. None of the
 * folder's names is stored, since there may be any number.
 */
#ifndef OXP_TAIL_SEARCH_H
#define OXP_TAIL_SEARCH_H

#include <dirent.h>
#include <limits.h>

#include "base/base.h"

struct tail_lost;
struct tail_cut;

/* What is looked for in a folder: a lost file, by inode and name (lost.h); or the copies of one that was cut down, by
 * name (cuts.h). */
struct tail_sought {
	struct tail_lost *lost;
	struct tail_cut *cut;
	char *made; /* freed with it; or NULL */
	/* Where it stood: its path, or what that leads to; of a cut, only as far as copies have it, too. */
	const char *at;
	const char *name; /* the part of that behind the folder */
	const char *original; /* of a cut: its whole name */
	const struct tail_sought *shorter; /* that comes first among those whose names this one's begins with */
};

/* What is sought in one folder, in the order of names. */
struct tail_search {
	void *context;
	struct tail_sought *names;
	size_t count;
};

enum { TAIL_SEARCH_PATH_MAX = PATH_MAX + NAME_MAX + 1 };

/* Where rotation happens: beside the target of a link. NULL: the link leads nowhere at the moment. `target` has
 * PATH_MAX bytes. */
char *tail_search_path(char *path, char *target);
/* Sorts what is sought, and calls `search` for each folder. Then frees all of it. */
void tail_search_folders(
	struct tail_sought *, size_t count, void (*search)(struct tail_search *in_folder), void *context);
/* NULL: errno says why. */
DIR *tail_search_open(const struct tail_search *);
/* The last one that does not come after that name, or NULL. Only this one and its `shorter` ones can be beginnings of
 * the name. */
const struct tail_sought *tail_search_before(const struct tail_search *, const char *name);
void tail_search_path_of(const struct tail_search *, const char *name, char *path, size_t room);

#endif
