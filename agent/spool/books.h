/*
 * The books: the ledger from one run to the next.
 *
 * A row whose source can be read again goes on from what was saved with the positions. A row of a socket door lives in
 * mapped memory; what it held when the last process was killed, beyond what the spool has, is lost and counted so. What
 * the spool has and was delivered already, since the kill came before its row went, will be sent again: it is held.
 */
#ifndef OXP_BOOKS_H
#define OXP_BOOKS_H

#include "status/ledger.h"

struct state;
struct log;

/* What is on disk for a row: of what it held, and of what was refused. */
struct books_disk {
	struct ledger_amount spooled, parked;
	struct ledger_amount unheard; /* of `spooled`, what was written and not counted any more before a kill */
	uint64_t spooled_to; /* behind the newest row of the spool */
};
/* Where in the spool the rows begin that the books of the last run know nothing of: UINT64_MAX when they tell not. */
uint64_t books_spooled_to(struct state *, const struct ledger_row *);
/* Brings the row to where the last run left it. 0; or -ENOSPC when the mapped ledger is full,
 * -EBADMSG when what was saved has numbers that no run reaches and the row begins anew. */
int books_open(struct state *, struct ledger_row *, const struct books_disk *, uint64_t *ret_killed) MUST_CHECK;

#endif
