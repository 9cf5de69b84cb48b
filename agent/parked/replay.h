/*
 * Replay: parked records sent again to the destination that refused them.
 *
 *   slice read → one batch of a source of its own → sender → told → one change: delivered rows go, refused ones stay
 *
 * The batch belongs to no collector: its delivery holds up no position, and the replay does its own counting. A record
 * counts as held while it is on its way. The saved row of a file is moved in the change that deletes the parked row.
 * If a kill comes before that change, the record is parked as it was, and the destination that has it already knows
 * its id. One slice at a time. If the destination does not answer, the slice waits, and whoever asked for it is told
 * so after REPLAY_PATIENCE_S.
 */
#ifndef OXP_REPLAY_H
#define OXP_REPLAY_H

#include "loop/loop.h"
#include "pipeline/pipeline.h"
#include "state/state.h"

enum { REPLAY_MAX = 64, REPLAY_PATIENCE_S = 20, REPLAY_NAME_MAX = 256, REPLAY_ERROR_MAX = 320 };

struct core;

struct replay_order {
	struct state_parked_query query; /* its destination points to `destination`, or is NULL */
	char destination[REPLAY_NAME_MAX];
	char from[REPLAY_NAME_MAX], to[REPLAY_NAME_MAX]; /* of a rename; "" for none */
};

struct replay_result {
	size_t replayed, refused, waiting; /* of the slice; `waiting` are still on their way */
	uint64_t after, until; /* how far it came, and where to */
	bool more; /* there is another slice */
	const char *error; /* "" for none */
};

struct replay {
	struct core *core;
	struct pipeline *pipeline;
	struct replay_order order;
	void (*done)(void *, const struct replay_result *); /* NULL: it was called */
	void *context;
	bool busy;
	struct source *source; /* of the last slice that was sent; NULL: none was */
	const struct sender *sender; /* that it went to */
	struct ledger_row *row; /* of the records; NULL if their source or destination is not configured any more */
	char key[STATE_KEY_MAX];
	bool placed;
	struct replay_part {
		uint64_t id;
		uint32_t tries;
		struct ledger_amount amount;
		char *reason; /* of being refused again; NULL: it was taken */
	} parts[REPLAY_MAX];
	size_t count, skipped;
	uint64_t after, until;
	bool more;
	char error[REPLAY_ERROR_MAX];
	struct loop_timer patience;
};

void replay_init(struct replay *, struct core *, struct pipeline *);
void replay_done(struct replay *);
/* Begins the slice that `order` names. done() is called once, from a later callback: at its end, or before that if it
 * takes too long. Not while busy. */
void replay_begin(struct replay *, const struct replay_order *, void (*done)(void *, const struct replay_result *),
	void *context);
/* The row of the ledger, or NULL: none is made. */
struct ledger_row *replay_row(const struct ledger *, const struct state_parked *);

#endif
