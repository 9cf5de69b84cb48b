#include "spool/books.h"

#include <errno.h>

#include "state/state.h"

/* Takes as much of `amount` from the term as there is. Returns the rest. */
static uint64_t take_from(uint64_t *term, uint64_t amount)
{
	uint64_t taken = *term < amount ? *term : amount;

	*term -= taken;
	return amount - taken;
}

/*
 * A record that is counted as ended and is also found in the spool has not ended. If more is found even so, it must
 * have come in, so it is added to what was received.
 */
static void count_once(struct ledger_terms *t, const struct ledger_amount *found)
{
	struct ledger_amount *received = &t->term[LEDGER_RECEIVED], twice = { 0, 0 };

	if (found->records > received->records)
		twice.records = found->records - received->records;
	if (found->bytes > received->bytes)
		twice.bytes = found->bytes - received->bytes;
	for (int i = LEDGER_DELIVERED; i <= LEDGER_REJECTED; i++) {
		if (i == LEDGER_PARKED) /* parked records are on disk */
			continue;
		twice.records = take_from(&t->term[i].records, twice.records);
		twice.bytes = take_from(&t->term[i].bytes, twice.bytes);
	}
	received->records += twice.records;
	received->bytes += twice.bytes;
}

static struct ledger_amount sum_of(const struct ledger_terms *t)
{
	struct ledger_amount sum = { 0, 0 };

	for (int i = LEDGER_DELIVERED; i < LEDGER_TERMS; i++) {
		sum.records += t->term[i].records;
		sum.bytes += t->term[i].bytes;
	}
	return sum;
}

/* The kill came while parked records were being dropped. If their rows are still there, they were not dropped. */
static void undo_dropping(struct ledger_terms *t, const struct ledger_amount *parked)
{
	struct ledger_amount *dropping = &t->term[LEDGER_DROPPING];

	if (parked->records >= t->term[LEDGER_PARKED].records + dropping->records)
		ledger_move(t, LEDGER_REJECTED, LEDGER_PARKED, dropping);
	*dropping = (struct ledger_amount){ 0, 0 };
}

/* Counts as lost what came in and is found nowhere: it was in memory when the process was killed. */
static void write_off(struct ledger_row *row, const struct books_disk *disk, uint64_t *ret_killed)
{
	struct ledger_terms *t = row->live;
	struct ledger_amount found, *received = &t->term[LEDGER_RECEIVED], lost = { 0, 0 };

	undo_dropping(t, &disk->parked);
	t->term[LEDGER_HELD] = disk->spooled;
	t->term[LEDGER_PARKED] = disk->parked;
	t->term[LEDGER_SPOOLED_TO].records = disk->spooled_to;
	received->records += disk->unheard.records;
	received->bytes += disk->unheard.bytes;
	found = sum_of(t);
	count_once(t, &found);
	if (received->records > found.records)
		lost.records = received->records - found.records;
	if (received->bytes > found.bytes)
		lost.bytes = received->bytes - found.bytes;
	*ret_killed = lost.records;
	ledger_add(row, LEDGER_DROPPED_KILLED, lost.records, lost.bytes);
}

uint64_t books_spooled_to(struct state *state, const struct ledger_row *row)
{
	char key[STATE_KEY_MAX];
	struct ledger_terms saved;
	const struct ledger_terms *t;

	ledger_key(row, key, sizeof key);
	if (row->rewinds)
		return state_ledger_load(state, key, &saved) ? saved.term[LEDGER_SPOOLED_TO].records : 0;
	t = state_slot(state, key);
	return t && t->term[LEDGER_SPOOLED_TO].records ? t->term[LEDGER_SPOOLED_TO].records : UINT64_MAX;
}

/* Whether all terms are within what a run can count. Larger ones were written by something else. Their sums would wrap,
 * and JSON cannot hold them. */
static bool is_ours(const struct ledger_terms *t)
{
	static const uint64_t most = UINT64_C(1) << 58;

	for (int i = 0; i < LEDGER_TERMS_ROOM; i++)
		if (i != LEDGER_SPOOLED_TO && (t->term[i].records > most || t->term[i].bytes > most))
			return false;
	return true;
}

/* A ledger that counts what is parked and nothing else. */
static struct ledger_terms begin_anew(const struct books_disk *disk)
{
	return (struct ledger_terms){ .term = { [LEDGER_RECEIVED] = disk->parked, [LEDGER_PARKED] = disk->parked } };
}

/* What is neither found nor damaged was delivered. If more is damaged than is missing, it was not counted yet: rows
 * that the end writes are received at the next start. */
static void end_missing(uint64_t *received, uint64_t found, uint64_t damaged, uint64_t *delivered, uint64_t *lost)
{
	uint64_t missing = *received > found ? *received - found : 0;

	if (missing > damaged)
		*delivered += missing - damaged;
	else
		*received += damaged - missing;
	*lost += damaged;
}

/*
 * Of a row that was saved with positions. The spool has what could not be read again, and the saved row counts the rows
 * of it that the last start found: as held, since rows are deleted in a commit of their own. What has gone since then
 * was delivered. What cannot be read ends as if it had been lost with the last run.
 */
static void go_on(struct ledger_row *row, const struct books_disk *disk)
{
	struct ledger_terms *t = &row->own;
	struct ledger_amount found, *received = &t->term[LEDGER_RECEIVED], *delivered = &t->term[LEDGER_DELIVERED];
	struct ledger_amount *lost = &t->term[LEDGER_DROPPED_KILLED];

	t->term[LEDGER_HELD] = disk->spooled;
	t->term[LEDGER_SPOOLED_TO].records = disk->spooled_to;
	received->records += disk->unheard.records;
	received->bytes += disk->unheard.bytes;
	found = sum_of(t);
	count_once(t, &found);
	end_missing(&received->records, found.records, disk->damaged.records, &delivered->records, &lost->records);
	end_missing(&received->bytes, found.bytes, disk->damaged.bytes, &delivered->bytes, &lost->bytes);
	row->settled = *t;
}

static void save(void *context)
{
	struct state *state = context;

	state_slots_save(state);
}

int books_open(struct state *state, struct ledger_row *row, const struct books_disk *disk, uint64_t *ret_killed)
{
	char key[STATE_KEY_MAX];
	bool ours = true;

	*ret_killed = 0;
	ledger_key(row, key, sizeof key);
	if (row->rewinds) {
		if (state_ledger_load(state, key, &row->own))
			ours = is_ours(&row->own);
		if (!ours)
			row->own = begin_anew(disk);
		go_on(row, disk);
		return ours ? 0 : -EBADMSG;
	}
	row->live = state_slot(state, key);
	if (!row->live) {
		row->live = &row->own;
		return -ENOSPC;
	}
	ours = is_ours(row->live);
	if (!ours)
		*row->live = begin_anew(disk);
	write_off(row, disk, ret_killed);
	row->save = save;
	row->keeper = state;
	ledger_save(row);
	return ours ? 0 : -EBADMSG;
}
