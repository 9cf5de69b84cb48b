/*
 * Which families have the most series, and of which the most samples are dropped: kept as they come, so that asking
 * costs the same however many families there are.
 *
 * By series: a family that is staged, or grows, takes the place of the smallest that is ranked, if it is larger. So one
 * that was overtaken while it stayed as it was is back with the next scrape of its target.
 *
 * Dropped: counted by name since the start. If there are more names than rows, the row with the smallest count is taken
 * over with its count (Metwally and others, "Space-Saving", 2005): a name that is dropped often is always there, and no
 * count is too small.
 */
#ifndef OXP_SERIES_WORST_H
#define OXP_SERIES_WORST_H

#include "series/order.h"
#include "series/series.h"

enum { WORST_BY_SERIES = 10, WORST_BY_DROPS = 16 };
_Static_assert((int)SERIES_WORST_MAX == (int)WORST_BY_SERIES + (int)WORST_BY_DROPS, "all of them");

/* Invariant: `most` are the families that are ranked; `least` is no more than the smallest of them was at the last
 * worst_refresh(), and 0 while there is room. */
struct worst {
	struct family *most[WORST_BY_SERIES];
	size_t count, least;
	struct {
		uint64_t hash, samples;
		const char *why;
		char name[SERIES_NAME_SHOWN];
	} dropped[WORST_BY_DROPS];
	size_t drops;
};

void worst_rank(struct worst *, struct family *);
/* The family has more series, or may have. */
static inline void worst_look(struct worst *w, struct family *f)
{
	if (UNLIKELY(!f->ranked && f->weight > w->least))
		worst_rank(w, f);
}
void worst_forget(struct worst *, struct family *); /* it goes */
void worst_refresh(struct worst *); /* families may have become smaller */
void worst_drop(struct worst *, struct bytes name, const char *why, uint64_t samples);
/* As series_worst(). */
size_t worst_list(const struct worst *, struct series_worst ret[SERIES_WORST_MAX]) MUST_CHECK;

#endif
