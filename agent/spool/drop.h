/*
 * Where rows are deleted from the spool: as soon as everything in them has settled for their route. A row that cannot
 * be deleted is tried again later. At the end of the process it stays, and the next start sends it again.
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
	void (*retried)(void *context); /* called when those were tried again */
	void *context;
	size_t commits; /* of the end, under way */
};

void drops_init(struct drops *, const struct spool_world *, void (*retried)(void *context), void *context);
void drops_done(struct drops *);
void drops_rows(struct drops *, const struct batch_row *, size_t count);
/* Tries again to delete what could not be deleted. */
void drops_again(struct drops *);

#endif
