/*
 * What a page has of what was escaped (escape.h): hashes, by open addressing.
 *
 * A family that is begun again may have what the attempt before it had.
 */
#ifndef OXP_SERIES_SEEN_H
#define OXP_SERIES_SEEN_H

#include "base/base.h"

enum { SEEN_SHARE = 64 }; /* bytes that each takes, at most */

struct seen_place {
	uint64_t hash;
	uint64_t attempt; /* 0: the place is free */
};

/* Invariant: half of the places, at most, are taken. */
struct seen {
	struct seen_place *places;
	size_t mask, count;
	size_t wanted; /* how many there may be; there are no places before the first */
	uint64_t attempt; /* the family under way */
	uint64_t ended; /* the last attempt that came to an end */
};

/* For a page with that many names and series that are escaped. */
void seen_begin(struct seen *, size_t count);
void seen_done(struct seen *); /* fine on zeroed memory */
/* A family begins, again if the last one has not ended. */
void seen_begin_family(struct seen *);
void seen_end_family(struct seen *);
/* Notes it. False: the page has it already, or there is no memory. */
bool seen_add(struct seen *, uint64_t hash) MUST_CHECK;

#endif
