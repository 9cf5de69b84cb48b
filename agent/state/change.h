/*
 * What is to be written in one transaction, gathered before state_commit() takes it.
 */
#ifndef OXP_STATE_CHANGE_H
#define OXP_STATE_CHANGE_H

#include "state/record.h"

struct state_change;

struct state_change *state_change_new(void) __attribute__((returns_nonnull));
void state_change_free(struct state_change *); /* NULL is fine */
void state_change_position(struct state_change *, const char *collector, const struct position *);
void state_change_forget(struct state_change *, const char *collector, uint64_t generation);
void state_change_ledger(struct state_change *, const char *key, const struct ledger_terms *);
/* In the saved ledger row of that key, moves the amount from one term to another. No such row: does nothing. */
void state_change_move(struct state_change *, const char *key, const struct ledger_amount *, enum ledger_term from,
	enum ledger_term to);
/* One payload of a source and destination. The change ends with -ENOSPC beyond state.max, less what is reserved for
 * parked records and positions. */
void state_change_spool(struct state_change *, const char *key, const struct state_payload *);
void state_change_unspool(struct state_change *, uint64_t id);
/* Copies the record. Beyond a quarter of state.max for all of them, or a MiB for one, the change ends with -ENOSPC or
 * -E2BIG. */
void state_change_park(struct state_change *, const struct state_parked *);
void state_change_unpark(struct state_change *, uint64_t id);
/* It was tried again and refused again. */
void state_change_repark(struct state_change *, uint64_t id, uint32_t tries, const char *reason);

#endif
