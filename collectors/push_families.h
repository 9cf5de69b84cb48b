/*
 * Which families of the pages of a group are shown: of several pages with a family, the newest one's. The pages are
 * gone through from the newest on.
 */
#ifndef OXP_PUSH_FAMILIES_H
#define OXP_PUSH_FAMILIES_H

#include "proto/exposition_parse.h"

/* The family that the lines of a page are about, as it is read. At the beginning of a page all but `seed` is zero. */
struct push_family {
	uint64_t seed; /* random: nobody can aim at a slot below */
	size_t size; /* of its name; 0: none yet */
	uint64_t hash;
	enum exposition_type type;
	size_t changes; /* how often another one came: at least the number of families */
};

void push_family_meta(struct push_family *, const struct exposition_meta *);
void push_family_sample(struct push_family *, const struct exposition_sample *);

/* Invariant: `count` of the slots are taken, at most half of them; `slots` is NULL if none is. */
struct push_families {
	struct push_shown {
		uint64_t hash;
		unsigned page; /* that shows it, from 1 on; 0: the slot is free */
	} * slots;
	size_t room, count;
};

/* Whether that page, a number that grows, shows the family. False, too, without memory. */
bool push_families_show(struct push_families *, const struct push_family *, unsigned page);
/* From now on no page shows a family of that name. False: no memory. */
bool push_families_hide(struct push_families *, const char *name, uint64_t seed) MUST_CHECK;
void push_families_done(struct push_families *);

#endif
