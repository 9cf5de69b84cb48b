#include "status/ledger.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name, *reason;
} terms[LEDGER_TERMS] = {
	[LEDGER_RECEIVED] = { "received", "" },
	[LEDGER_DELIVERED] = { "delivered", "" },
	[LEDGER_PARKED] = { "parked", "" },
	[LEDGER_REJECTED] = { "rejected", "" },
	[LEDGER_MERGED] = { "merged", "" },
	[LEDGER_HELD] = { "held", "" },
	[LEDGER_DROPPED_KILLED] = { "dropped", "killed" },
	[LEDGER_DROPPED_EXIT] = { "dropped", "exit" },
	[LEDGER_DROPPED_CEILING] = { "dropped", "ceiling" },
	[LEDGER_DROPPED_CLASH] = { "dropped", "clash" },
	[LEDGER_DROPPED_STEP] = { "dropped", "step" },
	[LEDGER_DROPPED_FULL] = { "dropped", "full" },
	[LEDGER_DROPPED_AGE] = { "dropped", "age" },
};
_Static_assert((int)LEDGER_TERMS <= (int)LEDGER_DROPPING, "a stored row has room for every term");

const char *ledger_term_name(enum ledger_term term)
{
	return terms[term].name;
}

const char *ledger_term_reason(enum ledger_term term)
{
	return terms[term].reason;
}

struct ledger_row *ledger_row(struct ledger *l, const char *signal, const char *source, const char *destination)
{
	struct ledger_row *row, **at = &l->rows;

	for (; (row = *at); at = &row->next)
		if (!strcmp(row->signal, signal) && !strcmp(row->source, source) &&
			!strcmp(row->destination, destination))
			return row;
	row = *at = oxp_new(sizeof *row);
	row->signal = signal;
	row->source = oxp_strdup(source);
	row->destination = oxp_strdup(destination);
	row->live = &row->own;
	return row;
}

void ledger_done(struct ledger *l)
{
	for (struct ledger_row *row; (row = l->rows);) {
		l->rows = row->next;
		free(row->source);
		free(row->destination);
		free(row);
	}
}

void ledger_move(struct ledger_terms *t, enum ledger_term from, enum ledger_term to, const struct ledger_amount *a)
{
	struct ledger_amount *f = &t->term[from], *received = &t->term[LEDGER_RECEIVED];
	struct ledger_amount there = { f->records < a->records ? f->records : a->records,
		f->bytes < a->bytes ? f->bytes : a->bytes };

	received->records += a->records - there.records;
	received->bytes += a->bytes - there.bytes;
	f->records -= there.records;
	f->bytes -= there.bytes;
	t->term[to].records += a->records;
	t->term[to].bytes += a->bytes;
}

void ledger_settle(struct ledger_row *row, const struct ledger_terms *became, bool was_held)
{
	struct ledger_amount *settled = row->settled.term;

	for (int t = 0; t < LEDGER_TERMS; t++) {
		const struct ledger_amount *amount = &became->term[t];
		if (was_held) {
			ledger_move(&row->settled, LEDGER_HELD, (enum ledger_term)t, amount);
			continue;
		}
		settled[t].records += amount->records;
		settled[t].bytes += amount->bytes;
		settled[LEDGER_RECEIVED].records += amount->records;
		settled[LEDGER_RECEIVED].bytes += amount->bytes;
	}
}

void ledger_set_spooled_to(struct ledger_row *row, uint64_t id)
{
	row->live->term[LEDGER_SPOOLED_TO].records = id;
}

void ledger_set_dropping(struct ledger_row *row, const struct ledger_amount *amount)
{
	row->live->term[LEDGER_DROPPING] = amount ? *amount : (struct ledger_amount){ 0, 0 };
}

int64_t ledger_imbalance(const struct ledger_row *row)
{
	uint64_t left = row->live->term[LEDGER_RECEIVED].records; /* a damaged row may hold any number */

	for (int t = LEDGER_DELIVERED; t < LEDGER_TERMS; t++)
		left -= row->live->term[t].records;
	return (int64_t)left;
}

void ledger_key(const struct ledger_row *row, char *to, size_t room)
{
	snprintf(to, room, "%s %s %s", row->signal, row->source, row->destination);
}
