#include "books.h"

#include <errno.h>

#include "state/state.h"

/* Of what came in, that which is nowhere; what is somewhere did come in. */
static uint64_t missing(uint64_t *received, uint64_t found)
{
	if (*received < found)
		*received = found;
	return *received - found;
}

/* What came in and is nowhere: the process was killed with it in memory. */
static void write_off(struct ledger_row *row, const struct books_disk *disk, uint64_t *ret_killed)
{
	struct ledger_terms *t = row->live;
	struct ledger_amount found = { 0, 0 }, *received = &t->term[LEDGER_RECEIVED], lost;

	t->term[LEDGER_HELD] = disk->spooled;
	t->term[LEDGER_PARKED] = disk->parked;
	for (int i = LEDGER_DELIVERED; i < LEDGER_TERMS; i++) {
		found.records += t->term[i].records;
		found.bytes += t->term[i].bytes;
	}
	lost.records = missing(&received->records, found.records);
	lost.bytes = missing(&received->bytes, found.bytes);
	*ret_killed = lost.records;
	ledger_add(row, LEDGER_DROPPED_KILLED, lost.records, lost.bytes);
}

int books_open(struct state *state, struct ledger_row *row, const struct books_disk *disk, uint64_t *ret_killed)
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
	write_off(row, disk, ret_killed);
	return 0;
}
