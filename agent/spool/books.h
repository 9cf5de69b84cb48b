/*
 * The books: the ledger from one run to the next.
 *
 * If a source can be read again, its row goes on from what was saved with the positions. Rows of the spool that it does
 * not count yet were written since. Those that it counts and that are gone were delivered.
 *
 * The row of a socket door is in the ledger file. What it held when the last process was killed, less what the spool
 * has, is lost, and is counted as lost. What was delivered but is still in the spool, because the kill came before its
 * row was deleted, will be sent again: it is held.
 *
 * Parked records that are sent again or dropped are counted as delivered or rejected before the change that deletes
 * their rows. If a kill comes before that change they are found twice, and are parked.
 */
#ifndef OXP_BOOKS_H
#define OXP_BOOKS_H

#include "status/ledger.h"

struct state;
struct log;

/* What is on disk for a row: of what it held, and of what was refused. */
struct books_disk {
	struct ledger_amount spooled, parked;
	struct ledger_amount unheard; /* of `spooled`, what was written but not counted before a kill */
	struct ledger_amount damaged; /* in rows that cannot be read */
	uint64_t spooled_to; /* behind the newest row of the spool */
};
/* The first row of the spool that the last run had not counted; UINT64_MAX if its books do not say. */
uint64_t books_spooled_to(struct state *, const struct ledger_row *);
/* Brings the row to where the last run left it. 0; -ENOSPC if the ledger file is full; -EBADMSG if what was saved has
 * numbers that no run reaches, and the row starts at zero. */
int books_open(struct state *, struct ledger_row *, const struct books_disk *, uint64_t *ret_killed) MUST_CHECK;

#endif
