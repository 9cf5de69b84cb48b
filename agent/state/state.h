/*
 * State: what outlives the process. One folder, locked by one agent.
 *
 *   state.db   SQLite (WAL): identity, positions of files with the ledger rows that belong to them, parked records,
 * spool
 *   ledger     mapped memory: the ledger rows of sources that cannot be read again; outlives SIGKILL, not a power cut
 *   lock       held while an agent runs; its pid is in it
 *
 * All but opening goes through the disk lane. What is asked to be written while a transaction runs goes together
 * into the next. A database that cannot be read is set aside (state.db.corrupt-N) and a new one begun: the agent
 * starts, and says so.
 */
#ifndef OXP_STATE_H
#define OXP_STATE_H

#include "component.h"
#include "status/ledger.h"

struct state;
struct state_change;

enum { STATE_KEY_MAX = 200, STATE_SLOTS = 256, STATE_PAYLOAD_MAX = 1 << 20 };

/* Opens or makes the folder. 0, or -errno with one sentence in `why`. */
struct state_options {
	const char *path;	/* of the folder; made when it is not there */
	uint64_t max;		/* bytes of state.db */
	struct lane *disk;
};
int state_open(const struct state_options *, struct state **ret, char *why, size_t room) MUST_CHECK;
void state_close(struct state *); /* after the disk lane has ended; NULL is fine */
uint64_t state_id(const struct state *); /* 64 random bits, born with the folder */
uint64_t state_set_aside(const struct state *); /* files that could not be read at this start */

/* Positions. Loading is for start-up, before the lane has work of ours. */
int state_positions_load(struct state *, const char *collector, void (*visit)(void *, const struct position *),
	void *context) MUST_CHECK;
uint64_t state_generation_next(struct state *);

/* What is to be written in one transaction. */
struct state_change *state_change_new(void) __attribute__((returns_nonnull));
void state_change_free(struct state_change *); /* NULL is fine */
void state_change_position(struct state_change *, const char *collector, const struct position *);
void state_change_forget(struct state_change *, const char *collector, uint64_t generation);
void state_change_ledger(struct state_change *, const char *key, const struct ledger_terms *);
/* Records that wait for a later start, as one payload of a source and destination; the bytes are copied. */
void state_change_spool(struct state_change *, const char *key, const struct ledger_amount *, struct bytes payload);
void state_change_unspool(struct state_change *, uint64_t id);
/* Takes the change. done() is called exactly once, in the order of the commits: 0 or -errno. */
void state_commit(struct state *, struct state_change **, void (*done)(void *, int failed), void *context);

/* The ledger row saved with positions; false when there is none. Start-up only. */
bool state_ledger_load(struct state *, const char *key, struct ledger_terms *ret);
/* What the spool has for the key, oldest first, until visit() answers false. A payload whose checksum is wrong is
 * left where it is and counted in *ret_damaged. Start-up only. 0 or -errno. */
int state_spool_load(struct state *, const char *key,
	bool (*visit)(void *, uint64_t id, const struct ledger_amount *, struct bytes payload), void *context,
	uint64_t *ret_damaged) MUST_CHECK;
/* The row of that key in mapped memory, zeroed when new. NULL when all slots are taken. */
struct ledger_terms *state_slot(struct state *, const char *key);

#endif
