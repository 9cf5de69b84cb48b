/*
 * Changes as transactions of state.db: each whole or not at all. For agent/state/ only; in the disk lane, or at start.
 */
#ifndef OXP_STATE_TRANSACTION_H
#define OXP_STATE_TRANSACTION_H

#include "state/database.h"
#include "state/op.h"

/* What each transaction saves besides. */
struct transaction_numbers {
	uint64_t generation, commits;
};

/* All changes of the list together; when that fails, each alone. What became of each stands in its `failed`. */
void transaction_run(struct database *, struct state_change *first, const struct transaction_numbers *);
/* One operation, with no numbers. 0 or -errno. */
int transaction_run_one(struct database *, struct op *) MUST_CHECK;
int transaction_save_numbers(struct database *, const struct transaction_numbers *) MUST_CHECK;

#endif
