/*
 * The names on disk that a glob matches, as glob(3) finds them, but reported one by one. None is kept, so a folder with
 * a million names needs no memory.
 *
 * Links can make any number of names for one folder: with six links to "." in it, a glob of eight folders has 6^8. So a
 * folder that was reached through a link is read at most TAIL_WAYS_MAX times for the same rest of the glob. The names
 * that are left out are other names of the same files.
 *
 * Whoever writes to one folder can make any number of names there. So visit() takes from a share, and each folder that
 * a wildcard leads to, with all that is below it, gets at most half of what is left of that share.
 */
#ifndef OXP_TAIL_NAMES_H
#define OXP_TAIL_NAMES_H

#include "collectors/tail/budget.h"

enum { TAIL_WAYS_MAX = 4 };

struct tail_names {
	bool folders; /* only folders, and links that lead to one */
	/* `may_be_link`: whether the last name of the path may be a symbolic link. */
	void (*visit)(void *context, const char *path, bool may_be_link);
	void *context;
	struct tail_share *share; /* NULL: there is no share */
};

void tail_names_visit(const struct tail_names *, const char *glob);

#endif
