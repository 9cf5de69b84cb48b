/* What the next scan is asked: whether it is to begin at once, and which files it looks for by name and identity. */
#ifndef OXP_TAIL_WANTED_H
#define OXP_TAIL_WANTED_H

#include "collectors/tail/cuts.h"
#include "collectors/tail/lost.h"

struct tail_wanted {
	struct tail_lost_list lost;
	struct tail_cut_list cuts;
	size_t unseen; /* how many of the lost no scan has seen */
	bool scan; /* after the one under way, or now */
};

void tail_wanted_scan(struct tail_wanted *, bool wanted);
/* The next scan looks for this file, and for those that had the name after it. It does not begin earlier because of
 * this. */
void tail_wanted_lost(struct tail_wanted *, const char *path, const struct tail_identity *);
/* The same for what had the name since then and was renamed before a scan has seen it. False: there are too many. */
bool tail_wanted_unseen(struct tail_wanted *, const char *path, const struct tail_identity *since);
/* The next scan looks for a copy of this file, which was cut down; `before`: by the time that this run found it. */
void tail_wanted_copy(struct tail_wanted *, const struct position *, bool before);
void tail_wanted_take_copies(struct tail_wanted *, struct tail_cut_list *to);
/* Moves all that are wanted to the list of a scan. */
void tail_wanted_take(struct tail_wanted *, struct tail_lost_list *to);
/* Takes back the last of a scan's list, because the answer about it was not sure, or there was none. */
void tail_wanted_again(struct tail_wanted *, struct tail_lost_list *from);
void tail_wanted_done(struct tail_wanted *);

#endif
