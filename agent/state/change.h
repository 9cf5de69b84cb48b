/*
 * A change: what is to happen to state.db in one transaction, as a list of operations that carry all they need. Built
 * on the loop, run in the disk lane. For agent/state/ only.
 *
 * Everything that state does goes through here, reading from the spool included: so there is one queue, and what was
 * asked for later sees what was asked for before.
 */
#ifndef OXP_STATE_CHANGE_H
#define OXP_STATE_CHANGE_H

#include "state/database.h"
#include "state/state.h"

enum op_kind {
	OP_POSITION,
	OP_FORGET,
	OP_LEDGER,
	OP_SPOOL,
	OP_UNSPOOL, /* `id` */
	OP_SET_ASIDE, /* the same, kept in table damaged */
	OP_TAKE, /* the first of `key` behind `id` */
	OP_PARK,
	OP_UNPARK, /* `id` */
	OP_REPARK, /* `id`: other tries and reason */
	OP_MOVE, /* `amount` in the ledger row `key` */
	OP_LIST, /* parked records */
	OP_KINDS
};

enum { OP_TEXTS = 4 };

/* What OP_LIST found. */
struct parked_rows {
	struct state_parked *rows; /* texts and payloads are the list's */
	size_t count, room, bytes;
	uint64_t last;
};

struct spool_row {
	uint64_t id;
	struct ledger_amount amount;
	struct buffer payload, meta;
	bool found, sound;
};

struct op {
	struct op *next;
	enum op_kind kind;
	char *key; /* collector, the ledger's or the spool's key */
	char *texts[OP_TEXTS]; /* path; of OP_PARK source, destination, reason, signal; of OP_REPARK reason */
	uint64_t id;
	struct position position;
	struct ledger_terms terms;
	struct ledger_amount amount;
	struct wall_time at;
	uint32_t tries, records;
	bool placed;
	bool again; /* OP_PARK: it was there */
	bool gone; /* OP_UNSPOOL, OP_SET_ASIDE: it was there */
	enum ledger_term from, to; /* OP_MOVE */
	struct state_parked_query query; /* OP_LIST; the destination is `key`, "" for any */
	struct parked_rows parked;
	struct buffer copy, meta;
	struct iovec own, *pieces; /* the payload: of the caller, or &own, which points into copy */
	size_t piece_count, size;
	uint64_t *ret_id; /* OP_SPOOL: of the caller, or NULL */
	uint64_t freed; /* bytes of payload, by OP_UNSPOOL and OP_SET_ASIDE; what OP_UNPARK gave back */
	struct spool_row row; /* what OP_TAKE found */
};

struct state_change {
	struct state_change *next; /* in the queue of commits */
	struct op *first, **last;
	int refused; /* a ceiling said no: nothing of it is done */
	int failed;
	void (*done)(void *, int failed);
	void *context;
};

struct op *change_add(struct state_change *, enum op_kind, const char *key) __attribute__((returns_nonnull));
/* Of nothing too, into a buffer that has no memory yet. */
int change_append(struct buffer *, struct bytes) MUST_CHECK;
void spool_row_done(struct spool_row *);
void parked_rows_done(struct parked_rows *);
size_t spool_parts(size_t payload);

/* Operations on parked records, in the disk lane. */
int parked_put(struct database *, struct op *) MUST_CHECK;
int parked_delete(struct database *, struct op *) MUST_CHECK;
int parked_change(struct database *, struct op *) MUST_CHECK;
int parked_list(struct database *, struct op *) MUST_CHECK;
int ledger_row_move(struct database *, struct op *) MUST_CHECK;
/* At start: what a kill left between parking and position. */
int parked_recover(struct database *) MUST_CHECK;

/* In the disk lane, or at start. */
int op_run(struct database *, struct op *) MUST_CHECK;
uint64_t payload_checksum(struct bytes payload, struct bytes meta);
/* The first payload of the key behind `after`; !found when there is none. 0 or -errno. */
int spool_read(struct database *, const char *key, uint64_t after, struct spool_row *ret) MUST_CHECK;

#endif
