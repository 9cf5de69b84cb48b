#include "books.h"

#include <errno.h>

#include "state/state.h"

/* What came in and is nowhere: the process was killed with it in memory. */
static void write_off(struct ledger_row *row, const struct ledger_amount *spooled, uint64_t *ret_killed)
{
	struct ledger_terms *t = row->live;
	struct ledger_amount lost = t->term[LEDGER_RECEIVED];

	t->term[LEDGER_HELD] = *spooled;
	for (int i = LEDGER_DELIVERED; i < LEDGER_TERMS; i++) {
		lost.records -= t->term[i].records;
		lost.bytes -= t->term[i].bytes;
	}
	*ret_killed = lost.records;
	ledger_add(row, LEDGER_DROPPED_KILLED, lost.records, lost.bytes);
}

int books_open(struct state *state, struct ledger_row *row, const struct ledger_amount *spooled, uint64_t *ret_killed)
{
	char key[STATE_KEY_MAX];

	*ret_killed = 0;
	ledger_key(row, key, sizeof key);
	if (row->rewinds) {
		if (state_ledger_load(state, key, &row->own))
			row->settled = row->own;
		return 0;
	}
	row->live = state_slot(state, key);
	if (!row->live) {
		row->live = &row->own;
		return -ENOSPC;
	}
	write_off(row, spooled, ret_killed);
	return 0;
}
