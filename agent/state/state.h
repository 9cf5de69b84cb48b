/*
 * State: what outlives the process. One folder, locked by one agent.
 *
 *   state.db   SQLite (WAL): identity, positions of files with the ledger rows that belong to them, parked, spool
 *   ledger     the ledger rows of sources that cannot be read again; outlives SIGKILL, not a power cut
 *   lock       held while an agent runs; its pid is in it
 *
 * Everything except opening and loading goes through the disk lane. Changes that arrive while a transaction runs share
 * the next one. If that fails, each change is tried alone, so a spool that is full does not hold up positions.
 * Positions need no new block from a full disk. A file that cannot be read is set aside (state.db.corrupt-N) and a new
 * one is begun: the agent starts, and says so.
 */
#ifndef OXP_STATE_H
#define OXP_STATE_H

#include "state/change.h"

struct state;

/* What others do to files that are open. */
enum state_disturbance {
	STATE_LEDGER_CUT, /* it was cut down, and has been written anew */
	STATE_GONE, /* state_missing() says what */
	STATE_BACK, /* nothing is missing any more */
};

struct state_options {
	const char *path; /* of the folder; made if it is missing */
	uint64_t max; /* bytes of state.db */
	struct lane *disk;
	/* On the loop, when the disk begins to fail and when it works again. May be NULL. */
	void (*trouble)(void *, const struct state *);
	/* On the loop, when somebody is found to have touched the files of a state that is in use. May be NULL. */
	void (*disturbed)(void *, const struct state *, enum state_disturbance);
	/* On the loop, when a row that is read from the spool is damaged and is set aside. May be NULL. */
	void (*damaged)(void *, const char *key, uint64_t id, const struct ledger_amount *);
	/* Whether a payload is what the spool writes, and holds that much. In the disk lane too, so it touches nothing
	 * else. A row that does not fit is damaged. May be NULL: all fit. */
	bool (*fits)(struct bytes payload, const struct ledger_amount *);
	void *context;
};
/* 0, or -errno with one sentence in `why`: -EBUSY if another agent has it, -EPROTO if a newer version wrote it. */
int state_open(const struct state_options *, struct state **ret, char *why, size_t room) MUST_CHECK;
void state_close(struct state *); /* after the disk lane has ended; NULL is fine */
/* 64 random bits, made with the folder. A copy of the folder gets new ones when it is first opened, if the file system
 * records when a file was born. */
uint64_t state_id(const struct state *);
bool state_is_copy(const struct state *); /* and this start noticed it */
uint64_t state_set_aside(const struct state *); /* files that this start could not read */
/* What an earlier run had and this start found missing. The agent starts anyway. */
enum state_loss {
	STATE_NO_LOSS,
	STATE_EMPTY, /* state.db is empty or missing: positions, spool and parked records are gone */
	STATE_OLDER, /* commits at its end are missing: an older copy, or its WAL is gone */
	STATE_OTHER, /* state.db and ledger belong to different states */
	STATE_NO_LEDGER, /* it is empty or missing: what socket doors took is counted from zero */
};
enum state_loss state_loss(const struct state *);
/* The id of the embedded store that an earlier run had, 0 if none is known; and of the one that is there now. */
uint64_t state_store_known(const struct state *);
void state_store_know(struct state *, uint64_t id);
/*
 * 0, or -errno: why the last commit could not write everything. With -ENOSPC that is the spool and parked records;
 * positions may still be saved, in blocks that are owned.
 */
int state_trouble(const struct state *);
/* Of -EBUSY: who holds a lock on what, as far as that is known, or "". */
const char *state_trouble_holder(const struct state *);
/* The process ends: what waits for a lock that others hold waits no more, and fails. NULL is fine. */
void state_hurry(struct state *);
/*
 * The file of the open state whose name does not lead to it any more, or "the folder"; "" if all do. The next start
 * would not find what is written. So nothing is spooled: such a change fails with -ESTALE. All else goes on, since the
 * name may come back. It is looked at before each commit, and by state_look(), which the owner calls every second.
 */
const char *state_missing(const struct state *);
void state_look(struct state *);
uint64_t state_failures(const struct state *); /* commits that failed in this run */

/* Positions. Loading is for start-up, before the lane has work of ours. 0 or -errno. */
int state_positions_load(struct state *, const char *collector, void (*visit)(void *, const struct position *),
	void *context) MUST_CHECK;
uint64_t state_generation_next(struct state *);
/* Saves, at once, the generations given out so far, unless opening has saved them ahead. Start-up only: later they are
 * saved with the next change. 0 or -errno. */
int state_generation_save(struct state *) MUST_CHECK;

/* Takes the change. done() is called exactly once, in the order of the commits, with 0 or -errno; from within the call
 * if the lane is full. */
void state_commit(struct state *, struct state_change **, void (*done)(void *, int failed), void *context);

/* The ledger row that was saved with positions; false if there is none. Start-up only. */
bool state_ledger_load(struct state *, const char *key, struct ledger_terms *ret);
/* What the spool has for the key, oldest first, until visit() returns false. A payload with a wrong checksum is moved
 * to table damaged, counted in *ret_damaged, and visited without data once it is there. Start-up only. 0 or -errno. */
int state_spool_load(struct state *, const char *key,
	bool (*visit)(void *, uint64_t id, const struct ledger_amount *, struct bytes payload), void *context,
	uint64_t *ret_damaged) MUST_CHECK;

/*
 * The spool while the agent runs: first in, first out for each key, such as signal, source and destination. Ids grow,
 * and none is used twice in a run. Each call is a commit of its own, in order with all others.
 */

/* The first payload behind the id `after`; 0 for the very first. Damaged payloads before it are set aside and
 * counted. */
void state_spool_take(struct state *, const char *key, uint64_t after,
	void (*done)(void *, const struct state_spooled *), void *context);
void state_spool_drop(
	struct state *, const uint64_t *ids, size_t count, void (*done)(void *, int failed), void *context);
uint64_t state_spool_bytes_all(const struct state *); /* what is being written included, as below */
/* Every key that something was spooled under, with its bytes. */
void state_spool_keys(const struct state *, void (*visit)(void *, const char *key, uint64_t bytes), void *context);
uint64_t state_spool_damaged(const struct state *); /* payloads, in this run */

uint64_t state_parked_count(const struct state *);
uint64_t state_parked_bytes(const struct state *); /* payloads and STATE_PARKED_ROW for each */
uint64_t state_parked_max(const struct state *); /* their ceiling */
/* How much of that signal, source and destination is parked. Start-up only. */
struct ledger_amount state_parked_sum(struct state *, const char *signal, const char *source, const char *destination);

void state_parked_read(struct state *, const struct state_parked_query *,
	void (*done)(void *, const struct state_parked_page *), void *context);

/* The row of that key in the ledger, zeroed if it is new. NULL if all slots are taken. What is written to it is saved
 * by the next call of the second, which the next commit makes anyway before it touches the disk. */
struct ledger_terms *state_slot(struct state *, const char *key);
void state_slots_save(struct state *);

#endif
