/*
 * Whether the next run will find a file again, as scan.h and find.h look for it: under its name, or, once it was
 * renamed, beside it. What was removed, moved elsewhere, or is on a volume that was unmounted has its bytes for us
 * alone.
 */
#ifndef OXP_TAIL_LASTS_H
#define OXP_TAIL_LASTS_H

#include "collectors/tail/file.h"

/* What it has behind `offset` and what is under way of it can be read again. In doubt, of a file that has its name, it
 * can; of any other it cannot. */
bool tail_lasts(const struct tail_file *);
/* It is open and holds something else than what was read. A read has not noticed yet. */
bool tail_is_cut(const struct tail_file *);

#endif
