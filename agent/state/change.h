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
	OP_KINDS
};

enum { OP_TEXTS = 3 };

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
	char *texts[OP_TEXTS]; /* path; of OP_PARK source, destination, reason */
	uint64_t id;
	struct position position;
	struct ledger_terms terms;
	struct ledger_amount amount;
	struct wall_time at;
	uint32_t tries;
	struct buffer copy, meta;
	struct iovec own, *pieces; /* the payload: of the caller, or &own, which points into copy */
	size_t piece_count, size;
	uint64_t freed; /* bytes of payload, by OP_UNSPOOL and OP_SET_ASIDE */
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
size_t spool_parts(size_t payload);

/* In the disk lane, or at start. */
int op_run(struct database *, struct op *) MUST_CHECK;
/* The first payload of the key behind `after`; !found when there is none. 0 or -errno. */
int spool_read(struct database *, const char *key, uint64_t after, struct spool_row *ret) MUST_CHECK;

#endif
