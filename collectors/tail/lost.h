/*
 * Files that lost their names, or may have: a list of them, and the search for them in the folders where they had their
 * names. Each old name may have been another file's after it, so all that had it are searched for.
 */
#ifndef OXP_TAIL_LOST_H
#define OXP_TAIL_LOST_H

#include "collectors/tail/births.h"
#include "collectors/tail/budget.h"
#include "collectors/tail/found.h"
#include "collectors/tail/globs.h"
#include "collectors/tail/marks.h"

struct tail_lost {
	char *path; /* the last that is known */
	struct tail_identity identity;
	/* The answer of a search. */
	int64_t born; /* in the order of births */
	bool gone; /* its folder was read and it is not there */
	bool last; /* nobody is known to have had the name after it */
};

struct tail_lost_list {
	struct tail_lost *items;
	size_t count, room;
};

void tail_lost_add(struct tail_lost_list *, const char *path, const struct tail_identity *);
/* Moves the last one of a list to another; with NULL it is forgotten. */
void tail_lost_move(struct tail_lost_list *, struct tail_lost_list *to);
void tail_lost_clear(struct tail_lost_list *);

/* Beside each old name stand the file itself and those that had the name after it. */
struct tail_lost_search {
	const struct tail_globs *globs;
	const struct tail_births *births;
	struct mono_time now;
	struct tail_marks *marks;
	struct tail_budget *budget;
	struct tail_found_list *found; /* answer: what was found of them, oldest first */
	bool unlisted; /* answer: a folder in which lost files are looked for could not be read */
};
void tail_lost_search(struct tail_lost_list *, struct tail_lost_search *);
/* What a search says about a file of its list, or NULL. */
const struct tail_lost *tail_lost_find(const struct tail_lost_list *, const char *path, const struct tail_identity *);

#endif
