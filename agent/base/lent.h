/*
 * Memory for small texts that all end together, such as the edits of one record: it is lent in pieces, and goes back
 * all at once, or down to a mark.
 *
 * Invariant: `used` is the sum of what is lent, padding included, and at most `ceiling`.
 */
#ifndef OXP_LENT_H
#define OXP_LENT_H

#include "base/base.h"

enum { LENT_PADDING = 64 /* readable bytes behind each piece, zeros */ };

/* Only lent.c writes it. */
struct lent {
	struct lent_chunk *chunks; /* newest first */
	size_t used, ceiling;
};

/* How much was lent at some time. All zeros: nothing. */
struct lent_mark {
	struct lent_chunk *chunk;
	size_t chunk_used, used;
};

static inline void lent_init(struct lent *l, size_t ceiling)
{
	*l = (struct lent){ .ceiling = ceiling };
}

void lent_done(struct lent *); /* fine on zeroed memory */
/* NULL beyond the ceiling, or if there is no memory. */
char *lent_room(struct lent *, size_t size) MUST_CHECK;
struct lent_mark lent_mark(const struct lent *);
void lent_back_to(struct lent *, const struct lent_mark *); /* for lent_back() */
/* What was lent since the mark goes back. One chunk of the usual size is kept for the next time. */
static inline void lent_back(struct lent *l, const struct lent_mark *mark)
{
	if (l->used != mark->used)
		lent_back_to(l, mark);
}

#endif
