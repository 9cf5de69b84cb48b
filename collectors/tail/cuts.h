/*
 * Files that were cut down: a list of them, and the search for their copies, which have what was not read by then.
 */
#ifndef OXP_TAIL_CUTS_H
#define OXP_TAIL_CUTS_H

#include "collectors/tail/births.h"
#include "collectors/tail/budget.h"
#include "collectors/tail/found.h"
#include "component.h"

/* A file that was cut down, whose copy is looked for. */
struct tail_cut {
	char *path;
	struct position at; /* what it began with, and how far it was read */
	bool before; /* it was cut down before this run found it */
	bool looked; /* answer: all that may be its copy was looked at, */
	bool found; /* and some of it is */
};

struct tail_cut_list {
	struct tail_cut *items;
	size_t count, room;
};

void tail_cut_add(struct tail_cut_list *, const struct position *, bool before);
/* Moves the last one of a list to another; with NULL it is forgotten. */
void tail_cut_move(struct tail_cut_list *, struct tail_cut_list *to);
void tail_cut_clear(struct tail_cut_list *);

struct tail_cut_search {
	const struct tail_births *births;
	struct mono_time now;
	struct wall_time known_before; /* the last look of the last run; 0: it is not known */
	struct tail_budget *budget;
	struct tail_found_list *found; /* answer: copies, as far as the files were read or farther; newer files first */
};
void tail_cut_search(struct tail_cut_list *, struct tail_cut_search *);
/* Whether all that may be the copy of the file of that generation was looked at. */
bool tail_cut_looked(const struct tail_cut_list *, uint64_t generation);

#endif
