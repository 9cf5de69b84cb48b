/*
 * The ledger: for each source and destination, in records and in bytes,
 *
 *	received = delivered + parked + rejected + dropped{reason} + merged + held
 *
 * Every term is counted where it happens; none is derived from the others. Where a row lives follows from its source:
 *
 *   REWIND_NONE   (a socket) in a file that survives a SIGKILL, as of the last ledger_save(). What was held then is
 *                 lost, and the next start counts it as dropped{killed}.
 *   REWIND_SAVED  (a file) `settled` says what became of the bytes before the saved position, and is committed in the
 *                 same transaction. After a kill, reading and counting begin there again. What the spool has of a file
 *                 that nobody can read again is held, as far as `settled` knows the rows (LEDGER_SPOOLED_TO); those
 *                 behind are received by the next start.
 */
#ifndef OXP_LEDGER_H
#define OXP_LEDGER_H

#include "base/bytes.h"

enum ledger_term {
	LEDGER_RECEIVED,
	LEDGER_DELIVERED,
	LEDGER_PARKED,
	LEDGER_REJECTED,
	LEDGER_MERGED,
	LEDGER_HELD,
	LEDGER_DROPPED_KILLED, /* in memory when the process was killed */
	LEDGER_DROPPED_EXIT, /* not delivered within exit.within, and no room in the spool */
	LEDGER_DROPPED_CEILING, /* a ceiling of the series table or of a sample */
	LEDGER_DROPPED_CLASH, /* a sample that cannot stand on the page beside the others, or for itself (series.h) */
	LEDGER_DROPPED_STEP, /* by a step of the configuration, or a relabel rule */
	LEDGER_DROPPED_FULL, /* there was no room within `memory`, and the sender could not wait */
	LEDGER_DROPPED_AGE, /* it waited for its destination until it was too old to be sent */
	LEDGER_TERMS,
	LEDGER_TERMS_ROOM = 16, /* terms that a stored row has room for */
	/* Not a term: parked records that are counted as rejected, while their rows are on their way out; 0: none */
	LEDGER_DROPPING = LEDGER_TERMS_ROOM - 2,
	/* Not a term: its `records` is the id of the first spool row that `received` does not count; 0: unknown */
	LEDGER_SPOOLED_TO = LEDGER_TERMS_ROOM - 1
};

struct ledger_amount {
	uint64_t records, bytes;
};
struct ledger_terms {
	struct ledger_amount term[LEDGER_TERMS_ROOM];
};

/* Its terms are written by the functions below, and by spool/books.c when it is opened. */
struct ledger_row {
	struct ledger_row *next;
	char *source, *destination;
	const char *signal; /* "metrics", "logs", "traces" */
	struct ledger_terms *live; /* what is shown; &own, or those that are saved */
	struct ledger_terms own;
	struct ledger_terms settled; /* REWIND_SAVED: goes with the saved position */
	bool rewinds;
	void (*save)(void *keeper); /* writes `live` to its file; NULL: nothing does */
	void *keeper;
};

struct ledger {
	struct ledger_row *rows;
};

const char *ledger_term_name(enum ledger_term); /* "received", "dropped" … */
const char *ledger_term_reason(enum ledger_term); /* "killed", or "" if the term has none */

/* The row of this pair; it is added, with all terms zero, if it is missing. */
struct ledger_row *ledger_row(struct ledger *, const char *signal, const char *source, const char *destination);
void ledger_done(struct ledger *);
static inline void ledger_add(struct ledger_row *row, enum ledger_term term, uint64_t records, uint64_t bytes)
{
	row->live->term[term].records += records;
	row->live->term[term].bytes += bytes;
}
static inline void ledger_take(struct ledger_row *row, enum ledger_term term, uint64_t records, uint64_t bytes)
{
	row->live->term[term].records -= records;
	row->live->term[term].bytes -= bytes;
}
/* Before a peer is told what was counted. What became of records is saved later, too: a kill before that is as one
 * before the destination's answer. */
static inline void ledger_save(const struct ledger_row *row)
{
	if (row->save)
		row->save(row->keeper);
}
/* Moves an amount from one term to another. Records that the row did not know of become received, too. */
void ledger_move(struct ledger_terms *, enum ledger_term from, enum ledger_term to, const struct ledger_amount *);
/* What became of a batch that all destinations have settled: added to `settled`, as received and as what it became.
 * With `was_held`, `settled` has it as received and held: it came from the spool. */
void ledger_settle(struct ledger_row *, const struct ledger_terms *, bool was_held);
void ledger_set_spooled_to(struct ledger_row *, uint64_t id); /* LEDGER_SPOOLED_TO */
void ledger_set_dropping(struct ledger_row *, const struct ledger_amount *); /* LEDGER_DROPPING; NULL: none */
/* received minus all other terms, held included: 0 if the row balances. */
int64_t ledger_imbalance(const struct ledger_row *);
/* Key of the stored row: "signal source destination". */
void ledger_key(const struct ledger_row *, char *to, size_t room);

#endif
