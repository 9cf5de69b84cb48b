/*
 * What earlier runs left in the spool, on its way back. The start reads as much as memory has room for, and the rest
 * follows row by row as there is room. Rows keep their order and their ids; small ones share a batch again. A run reads
 * back what it has spooled itself only if that had to go behind them.
 */
#ifndef OXP_SPOOL_RESTORE_H
#define OXP_SPOOL_RESTORE_H

#include "spool/books.h"
#include "spool/world.h"

struct refill;

/* Only restore.c writes it. */
struct restores {
	const struct spool_world *world;
	struct refill *refills; /* rows that found no room in memory yet; one for each source and route */
};

void restores_init(struct restores *, const struct spool_world *);
void restores_done(struct restores *);
/* Brings back what is there for this source. ret_disk[route] is what the spool has in all. Before the books are opened.
 * 0 or -errno. */
int restores_source(struct restores *, struct source *, struct books_disk *ret_disk) MUST_CHECK;
/* Whether some of them are yet to be read. */
bool restores_are_reading(const struct restores *, const struct source *);
/* While that is so, of a source with one route: what it offers is on its way to the disk, to be read behind them. Then
 * it is there, up to that row; 0: it could not be written. */
void restores_await(struct restores *, const struct source *);
void restores_written(struct restores *, const struct source *, uint64_t last);
/* There is room: asks for the next rows. */
void restores_refill(struct restores *);
/* A row was found damaged when it was read back: its content no longer counts as held. */
void restores_damaged(struct restores *, const char *key, uint64_t id, const struct ledger_amount *);

#endif
