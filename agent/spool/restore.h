/*
 * What earlier runs left in the spool, on its way back: by the start as much as has room in memory, then one row after
 * another as there is room. Rows come in their order and under their ids; small ones are one batch again. What this run
 * puts into the spool is not read back by it.
 */
#ifndef OXP_SPOOL_RESTORE_H
#define OXP_SPOOL_RESTORE_H

#include "spool/books.h"
#include "spool/world.h"

struct refill;

/* Only restore.c writes it. */
struct restores {
	const struct spool_world *world;
	struct refill *refills; /* what had no room in memory yet, one for each source and route */
};

void restores_init(struct restores *, const struct spool_world *);
void restores_done(struct restores *);
/* Brings back what is there for this source; answers what the spool has in all, by route. Before the books are
 * opened. */
int restores_source(struct restores *, struct source *, struct books_disk *ret_disk) MUST_CHECK;
/* There is room: asks for the next rows. */
void restores_refill(struct restores *);
/* A row turned out damaged when it was read back: what was in it is not held any more. */
void restores_damaged(struct restores *, const char *key, uint64_t id, const struct ledger_amount *);

#endif
