/*
 * Where rows leave the spool: when everything in them has settled for their route, they are deleted. What cannot be
 * deleted is deleted later; at the end it stays, and is sent again.
 */
#ifndef OXP_SPOOL_DROP_H
#define OXP_SPOOL_DROP_H

#include "spool/world.h"

struct drop;

/* Only drop.c writes it. */
struct drops {
	const struct spool_world *world;
	struct drop *later; /* could not be deleted yet */
	struct loop_timer again;
	void (*retried)(void *context); /* those were tried again */
	void *context;
	size_t commits; /* of the end, under way */
};

void drops_init(struct drops *, const struct spool_world *, void (*retried)(void *context), void *context);
void drops_done(struct drops *);
void drops_rows(struct drops *, const struct batch_row *, size_t count);
/* Tries once more what could not be deleted. */
void drops_again(struct drops *);

#endif
