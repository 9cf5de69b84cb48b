/*
 * Positions of files, and the ledger rows that are saved with them, as rows of state.db. For agent/state/ only; in the
 * disk lane, or at start. All return 0 or -errno, unless they say otherwise.
 */
#ifndef OXP_STATE_POSITIONS_H
#define OXP_STATE_POSITIONS_H

#include "state/database.h"
#include "state/op.h"

int positions_put(struct database *, struct op *) MUST_CHECK;
int positions_forget(struct database *, struct op *) MUST_CHECK;
int positions_read(struct database *, const char *collector, void (*visit)(void *, const struct position *),
	void *context) MUST_CHECK;

int saved_ledger_put(struct database *, struct op *) MUST_CHECK;
/* Does nothing if there is no such row. */
int saved_ledger_move(struct database *, struct op *) MUST_CHECK;
/* 1; 0 if there is no such row; or -errno. */
int saved_ledger_read(struct database *, const char *key, struct ledger_terms *ret) MUST_CHECK;

#endif
