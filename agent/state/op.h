/*
 * A change is what is to happen to state.db in one transaction: a list of operations that carry all they need. It is
 * built on the loop and run in the disk lane. For agent/state/ only.
 *
 * Everything that state does goes through here, reading from the spool included. So there is one queue, and what is
 * asked for later sees what was asked for before.
 *
 * Each kind of operation is a struct of its own that begins with a struct op, and is as large as that kind needs.
 */
#ifndef OXP_STATE_OP_H
#define OXP_STATE_OP_H

#include "state/record.h"

enum op_kind {
	OP_POSITION, /* struct op_position */
	OP_FORGET, /* struct op_position, of which only the generation counts */
	OP_LEDGER, /* struct op_ledger */
	OP_MOVE, /* struct op_move */
	OP_SPOOL, /* struct op_spool */
	OP_UNSPOOL, /* struct op_row */
	OP_SET_ASIDE, /* struct op_row: the same, but the row moves to table damaged */
	OP_TAKE, /* struct op_take */
	OP_PARK, /* struct op_park */
	OP_UNPARK, /* struct op_row */
	OP_REPARK, /* struct op_repark */
	OP_LIST, /* struct op_list */
	OP_KINDS
};

struct op {
	struct op *next;
	enum op_kind kind;
	char *key; /* of the collector, the ledger's row or the spool; "" when the kind has none */
};

struct op_position {
	struct op op;
	struct position position; /* its path is the operation's */
};

struct op_ledger {
	struct op op;
	struct ledger_terms terms;
};

/* In the saved ledger row `key`. */
struct op_move {
	struct op op;
	struct ledger_amount amount;
	enum ledger_term from, to;
};

struct op_spool {
	struct op op;
	uint64_t id; /* given when the change is admitted */
	struct ledger_amount amount;
	struct iovec *pieces; /* of the caller */
	size_t count, size;
	uint64_t *ret_id; /* of the caller, or NULL */
};

/* One row that goes. */
struct op_row {
	struct op op; /* OP_UNSPOOL and OP_SET_ASIDE find out the key */
	uint64_t id;
	bool gone; /* it was there */
	uint64_t freed; /* bytes of its payload */
};

struct spool_row {
	uint64_t id;
	struct ledger_amount amount;
	struct buffer payload;
	bool found, sound;
};

struct op_take {
	struct op op;
	uint64_t after;
	struct spool_row row; /* the first of `key` behind `after` */
};

struct op_park {
	struct op op;
	struct state_parked record; /* texts and payload are the operation's */
	bool again; /* it was there */
};

struct op_repark {
	struct op op;
	uint64_t id;
	uint32_t tries;
	char *reason;
};

struct parked_rows {
	struct state_parked *rows; /* texts and payloads are the list's */
	size_t count, room, bytes;
	uint64_t last;
};

/* The query's destination is `key`, "" for any. */
struct op_list {
	struct op op;
	struct state_parked_query query;
	struct parked_rows found;
};

struct state_change {
	struct state_change *next; /* in the queue of commits */
	struct op *first, **last;
	int refused; /* a ceiling said no: nothing of it is done */
	int failed;
	void (*done)(void *, int failed);
	void *context;
};

/* The operation as what it is; another kind breaks a promise. */
struct op_position *op_position(struct op *);
struct op_ledger *op_ledger(struct op *);
struct op_move *op_move(struct op *);
struct op_spool *op_spool(struct op *);
struct op_row *op_row(struct op *);
struct op_take *op_take(struct op *);
struct op_park *op_park(struct op *);
struct op_repark *op_repark(struct op *);
struct op_list *op_list(struct op *);

/* Appends an operation of that kind, zeroed but for its key. */
struct op *op_add(struct state_change *, enum op_kind, const char *key) __attribute__((returns_nonnull));
void op_free(struct op *);

/* Appends, even if `more` is empty and the buffer has no memory yet. 0 or -errno. */
int op_append(struct buffer *, struct bytes more) MUST_CHECK;
void spool_row_done(struct spool_row *);
void parked_rows_done(struct parked_rows *);
size_t spool_parts(size_t payload); /* rows of the table that one payload takes */
uint64_t payload_checksum(struct bytes payload);

#endif
