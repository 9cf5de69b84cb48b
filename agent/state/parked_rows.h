/*
 * Parked records as rows of state.db: put, listed, tried again, dropped. For agent/state/ only; in the disk lane, or at
 * start. All return 0 or -errno, unless they say otherwise.
 *
 * A record of a file is stored once, under its place. A record that a kill left ahead of the saved position is
 * doubtful, because it is read and sent again: if it is refused again it is certain, and if it is taken it is gone.
 */
#ifndef OXP_STATE_PARKED_ROWS_H
#define OXP_STATE_PARKED_ROWS_H

#include "state/database.h"
#include "state/op.h"

int parked_put(struct database *, struct op *) MUST_CHECK;
int parked_delete(struct database *, struct op *) MUST_CHECK;
int parked_change(struct database *, struct op *) MUST_CHECK;
int parked_list(struct database *, struct op *) MUST_CHECK;
/* At start: sorts out what a kill left between parking and position, sets aside rows whose id is never listed
 * (*ret_strange of them), and counts a row that claims more than it can hold as one record. */
int parked_recover(struct database *, uint64_t *ret_strange) MUST_CHECK;
/* How much is parked of that signal, source and destination. 0 or -errno. */
int parked_sum(struct database *, const char *signal, const char *source, const char *destination,
	struct ledger_amount *ret) MUST_CHECK;
/* Of a query whose columns are those of DATABASE_PARKED; valid until the next row. */
struct state_parked parked_row_of(sqlite3_stmt *);

#endif
