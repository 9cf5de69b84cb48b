/*
 * State: what outlives the process. One folder, locked by one agent.
 *
 *   state.db   SQLite (WAL): identity, positions of files with the ledger rows that belong to them, parked, spool
 *   ledger     mapped memory: the ledger rows of sources that cannot be read again; outlives SIGKILL, not a power cut
 *   lock       held while an agent runs; its pid is in it
 *
 * All but opening and loading goes through the disk lane. What is asked to be written while a transaction runs goes
 * together into the next; when that fails, each change is tried alone, so that a spool with no room takes no position
 * with it. Positions need no new block from a full disk. A file that cannot be read is set aside (state.db.corrupt-N)
 * and a new one begun: the agent starts, and says so.
 */
#ifndef OXP_STATE_H
#define OXP_STATE_H

#include "state/change.h"

struct state;

struct state_options {
	const char *path; /* of the folder; made when it is not there */
	uint64_t max; /* bytes of state.db */
	struct lane *disk;
	/* On the loop, when the disk begins to fail us and when it works again. May be NULL. */
	void (*trouble)(void *, const struct state *);
	/* On the loop, when a row of the spool that is read turns out damaged and is set aside. May be NULL. */
	void (*damaged)(void *, const char *key, uint64_t id, const struct ledger_amount *);
	/* Whether a payload is what the spool writes, and holds that much. In the disk lane too, so it touches nothing
	 * else. A row that does not fit is damaged. May be NULL: all fit. */
	bool (*fits)(struct bytes payload, const struct ledger_amount *);
	void *context;
};
/* 0, or -errno with one sentence in `why`: -EBUSY when another agent has it, -EPROTO when a newer version wrote it. */
int state_open(const struct state_options *, struct state **ret, char *why, size_t room) MUST_CHECK;
void state_close(struct state *); /* after the disk lane has ended; NULL is fine */
/* 64 random bits, born with the folder; a copy of the folder gets others when it is first opened, as far as the file
 * system tells when a file was born. */
uint64_t state_id(const struct state *);
bool state_is_copy(const struct state *); /* and was found to be one at this start */
uint64_t state_set_aside(const struct state *); /* files that could not be read at this start */
/* What was there in an earlier run, and was found to be missing at this start. The agent starts all the same. */
enum state_loss {
	STATE_NO_LOSS,
	STATE_EMPTY, /* state.db is empty or not there: positions, spool and parked records are gone */
	STATE_OLDER, /* commits at its end are missing: an older copy, or its WAL is gone */
	STATE_OTHER, /* state.db and ledger are of two states */
	STATE_NO_LEDGER, /* it is empty or not there: what socket doors took counts from nothing */
};
enum state_loss state_loss(const struct state *);
/* The embedded store that was there in an earlier run, 0: none is known; and the one that is there now. */
uint64_t state_store_known(const struct state *);
void state_store_know(struct state *, uint64_t id);
/*
 * 0, or -errno: why what is to be kept cannot be, as of the last commit. With -ENOSPC that is the spool and parked
 * records, while positions may well go on in blocks that are owned.
 */
int state_trouble(const struct state *);
uint64_t state_failures(const struct state *); /* commits that failed in this run */

/* Positions. Loading is for start-up, before the lane has work of ours. */
int state_positions_load(struct state *, const char *collector, void (*visit)(void *, const struct position *),
	void *context) MUST_CHECK;
uint64_t state_generation_next(struct state *);
/* Saves those given out so far, at once. Start-up only: else they are saved with the next change. 0 or -errno. */
int state_generation_save(struct state *) MUST_CHECK;

/* Takes the change. done() is called exactly once, in the order of the commits: 0 or -errno; from within the call when
 * the lane takes no more. */
void state_commit(struct state *, struct state_change **, void (*done)(void *, int failed), void *context);

/* The ledger row saved with positions; false when there is none. Start-up only. */
bool state_ledger_load(struct state *, const char *key, struct ledger_terms *ret);
/* What the spool has for the key, oldest first, until visit() answers false. A payload whose checksum is wrong is
 * moved to table damaged and counted in *ret_damaged. Start-up only. 0 or -errno. */
int state_spool_load(struct state *, const char *key,
	bool (*visit)(void *, uint64_t id, const struct ledger_amount *, struct bytes payload), void *context,
	uint64_t *ret_damaged) MUST_CHECK;

/*
 * The spool while the agent runs: first in, first out for each key (signal, source and destination, say). Ids grow and
 * are not used twice in a run. Each of these is a commit of its own, in order with all others.
 */

/* The first behind the id `after`; 0 for the very first. Damaged payloads are moved aside and counted on the way. */
void state_spool_take(struct state *, const char *key, uint64_t after,
	void (*done)(void *, const struct state_spooled *), void *context);
void state_spool_drop(
	struct state *, const uint64_t *ids, size_t count, void (*done)(void *, int failed), void *context);
uint64_t state_spool_bytes(const struct state *, const char *key); /* what is being written included */
uint64_t state_spool_bytes_all(const struct state *);
/* Every key that something was spooled under, with the bytes there are. */
void state_spool_keys(const struct state *, void (*visit)(void *, const char *key, uint64_t bytes), void *context);
uint64_t state_spool_damaged(const struct state *); /* payloads, in this run */

uint64_t state_parked_count(const struct state *);
uint64_t state_parked_bytes(const struct state *); /* payloads and STATE_PARKED_ROW for each */
uint64_t state_parked_max(const struct state *); /* their ceiling */
/* What of that signal, source and destination is parked. Start-up only. */
struct ledger_amount state_parked_sum(struct state *, const char *signal, const char *source, const char *destination);

void state_parked_read(struct state *, const struct state_parked_query *,
	void (*done)(void *, const struct state_parked_page *), void *context);

/* The row of that key in mapped memory, zeroed when new. NULL when all slots are taken. */
struct ledger_terms *state_slot(struct state *, const char *key);

#endif
