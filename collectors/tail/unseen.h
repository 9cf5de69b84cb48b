/*
 * Files that were rotated while nobody ran, from a name that the last run had not seen: no position leads to them, and
 * their name may not be there any more. Their own names tell where they come from.
 */
#ifndef OXP_TAIL_UNSEEN_H
#define OXP_TAIL_UNSEEN_H

#include "collectors/tail/folders.h"
#include "collectors/tail/lost.h"

struct tail_unseen {
	const struct tail_globs *globs;
	const struct tail_births *births;
	struct mono_time now;
	struct tail_identity since; /* only what was born later is looked for */
	struct tail_budget *budget;
	struct tail_lost_list *lost; /* the names they had, with that identity, are added here */
};

void tail_unseen_search(struct tail_unseen *, const struct tail_folder_list *);

#endif
