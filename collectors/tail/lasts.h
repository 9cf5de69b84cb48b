/*
 * Whether the next run will find a file again, as scan.h and find.h look for it: under its name, or, once it was
 * renamed, beside it. What was removed, moved elsewhere, or is on a volume that was unmounted has its bytes for us
 * alone.
 */
#ifndef OXP_TAIL_LASTS_H
#define OXP_TAIL_LASTS_H

#include <limits.h>

#include "collectors/tail/file.h"

/* What becomes of what it has behind `offset`, and of what is under way of it. */
enum tail_fate {
	TAIL_LASTS, /* it can be read again. In doubt, of a file that has its name */
	TAIL_OURS, /* it cannot. In doubt, of any other */
	TAIL_OURS_CUT, /* the same: tail_is_cut() */
};

/* Where a folder really is, as it was last asked: thousands of files may have been renamed in one. Zeroed memory, or
 * tail_place_forget(), knows nothing. */
struct tail_place {
	char folder[PATH_MAX], real[PATH_MAX];
};
static inline void tail_place_forget(struct tail_place *p)
{
	p->folder[0] = '\0';
}

enum tail_fate tail_fate(const struct tail_file *, struct tail_place *);
/* It is open and holds something else than what was read. A read has not noticed yet. */
bool tail_is_cut(const struct tail_file *);

#endif
