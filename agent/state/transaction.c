#include "state/transaction.h"

#include <errno.h>

#include "state/parked_rows.h"
#include "state/positions.h"
#include "state/spooled.h"

static int run(struct database *d, struct op *op)
{
	static int (*const rows[OP_KINDS])(struct database *, struct op *) = {
		[OP_POSITION] = positions_put,
		[OP_FORGET] = positions_forget,
		[OP_LEDGER] = saved_ledger_put,
		[OP_MOVE] = saved_ledger_move,
		[OP_SPOOL] = spooled_put,
		[OP_UNSPOOL] = spooled_drop,
		[OP_SET_ASIDE] = spooled_set_aside,
		[OP_TAKE] = spooled_take,
		[OP_PARK] = parked_put,
		[OP_UNPARK] = parked_delete,
		[OP_REPARK] = parked_change,
		[OP_LIST] = parked_list,
	};

	return rows[op->kind](d, op);
}

static int run_change(struct database *d, const struct state_change *c)
{
	bool grows = false;
	int failed = 0, owned;

	if (c->refused)
		return 0;
	for (struct op *op = c->first; op && !failed; op = op->next) {
		failed = run(d, op);
		grows = grows || op->kind == OP_SPOOL || op->kind == OP_PARK;
	}
	if (failed)
		return failed;
	owned = database_own(d);
	return grows ? owned : 0; /* positions fit into the blocks already owned */
}

int transaction_save_numbers(struct database *d, const struct transaction_numbers *numbers)
{
	sqlite3_stmt *q = database_statement(d, PUT_NUMBERS);

	sqlite3_bind_int64(q, 1, (sqlite3_int64)numbers->generation);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)numbers->commits);
	return database_finish(q);
}

/* Commits, or rolls back if anything failed. */
static int finish(struct database *d, int failed)
{
	if (!failed)
		failed = database_run(d, "COMMIT");
	if (failed)
		database_run(d, "ROLLBACK");
	return failed;
}

/* Runs the changes from `from` up to `until`, which may be NULL, as one transaction. */
static int run_from(struct database *d, struct state_change *from, const struct state_change *until,
	const struct transaction_numbers *numbers)
{
	int failed = database_begin(d);

	for (struct state_change *c = from; c != until && !failed; c = c->next)
		failed = run_change(d, c);
	if (!failed)
		failed = transaction_save_numbers(d, numbers);
	failed = finish(d, failed);
	for (struct state_change *c = from; c != until; c = c->next)
		c->failed = c->refused ? c->refused : failed;
	return failed;
}

/* Runs all changes together. If that fails, runs each one alone, but not to wait as often for a lock. */
static void run_all(struct database *d, struct state_change *first, const struct transaction_numbers *numbers)
{
	int failed = run_from(d, first, NULL, numbers);

	if (failed == 0 || failed == -EBUSY || !first->next)
		return;
	for (struct state_change *c = first; c; c = c->next)
		if (!c->refused)
			c->failed = run_from(d, c, c->next, numbers);
}

static uint64_t bytes_in(const struct state_change *c)
{
	uint64_t bytes = 0;

	for (struct op *op = c->first; op; op = op->next)
		if (op->kind == OP_SPOOL)
			bytes += op_spool(op)->size;
		else if (op->kind == OP_PARK)
			bytes += op_park(op)->record.payload.size;
	return bytes;
}

void transaction_run(struct database *d, struct state_change *first, const struct transaction_numbers *numbers)
{
	bool busy = false;

	run_all(d, first, numbers);
	for (const struct state_change *c = first; c; c = c->next)
		if (!c->refused && c->failed == -ENOSPC)
			database_starve(d, bytes_in(c));
		else
			busy = busy || (!c->refused && c->failed == -EBUSY);
	if (busy)
		database_find_holder(d);
}

int transaction_run_one(struct database *d, struct op *op)
{
	int failed = database_begin(d);

	if (!failed)
		failed = run(d, op);
	return finish(d, failed);
}
