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

#include <sys/uio.h>

#include "component.h"
#include "status/ledger.h"

struct state;
struct state_change;

enum {
	STATE_KEY_MAX = 200,
	STATE_SLOTS = 512,
	STATE_PAYLOAD_MAX = 1 << 20, /* bytes of a row */
	STATE_SPOOL_PAYLOAD_MAX = 64 << 20, /* of one payload, which may be many rows */
	STATE_PARKED_ROW = 1 << 10, /* what a parked record counts beyond its payload */
	STATE_SPOOL_ROW = 1 << 10, /* likewise a row of the spool: of small ones SQLite's part is the larger */
};

struct state_options {
	const char *path; /* of the folder; made when it is not there */
	uint64_t max; /* bytes of state.db */
	struct lane *disk;
	/* On the loop, when the disk begins to fail us and when it works again. May be NULL. */
	void (*trouble)(void *, const struct state *);
	/* On the loop, when a row of the spool that is read turns out damaged and is set aside. May be NULL. */
	void (*damaged)(void *, const char *key, uint64_t id, const struct ledger_amount *);
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

/* What is to be written in one transaction. */
struct state_change *state_change_new(void) __attribute__((returns_nonnull));
void state_change_free(struct state_change *); /* NULL is fine */
void state_change_position(struct state_change *, const char *collector, const struct position *);
void state_change_forget(struct state_change *, const char *collector, uint64_t generation);
void state_change_ledger(struct state_change *, const char *key, const struct ledger_terms *);
struct state_payload {
	struct ledger_amount amount;
	struct iovec *pieces; /* borrowed until done() */
	size_t count;
	struct bytes meta; /* copied */
	uint64_t *ret_id; /* is told the id before done(), unless a ceiling refused it; NULL: nobody asks */
};
/* One payload of a source and destination. -ENOSPC beyond state.max less what is kept for parked records and
 * positions. */
void state_change_spool(struct state_change *, const char *key, const struct state_payload *);
void state_change_unspool(struct state_change *, uint64_t id);
/*
 * Parked: what a destination refused. Beyond a quarter of state.max for all of it, or a MiB for one, the change ends
 * with -ENOSPC or -E2BIG.
 *
 * A record of a file is `placed`: source, destination, generation and offset name it, and it is kept once however often
 * it is parked. It is on disk before the saved position passes it; `ready` says that the position has, and with it the
 * ledger. What a kill caught in between is read, and sent, again; should it be taken then, it is no longer shown.
 */
struct state_parked {
	uint64_t id; /* when read */
	struct wall_time at;
	const char *source, *destination, *reason;
	const char *signal; /* "logs", "traces" */
	uint32_t tries, records;
	uint64_t generation, offset; /* of the record, where its source has such */
	bool placed;
	struct bytes payload;
	size_t size; /* when read: of the payload, which may not have been asked for */
	bool damaged; /* when read with its payload: the checksum is wrong */
	bool ready; /* when read */
};
void state_change_park(struct state_change *, const struct state_parked *); /* copies */
void state_change_unpark(struct state_change *, uint64_t id);
/* It was tried again and refused again. */
void state_change_repark(struct state_change *, uint64_t id, uint32_t tries, const char *reason);
/* Of the saved ledger row of that key, so much was `from` and is now `to`. Nothing when there is no such row. */
void state_change_move(struct state_change *, const char *key, const struct ledger_amount *, enum ledger_term from,
	enum ledger_term to);
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
void state_spool_put(
	struct state *, const char *key, const struct state_payload *, void (*done)(void *, int failed), void *context);

struct state_spooled {
	int failed; /* 0, -ENOENT: nothing behind `after`, -errno */
	uint64_t id;
	struct ledger_amount amount;
	struct bytes payload, meta; /* valid within the callback */
};
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

/* One commit: all of the records or none. */
void state_park(struct state *, const struct state_parked *records, size_t count, void (*done)(void *, int failed),
	void *context);
uint64_t state_parked_count(const struct state *);
uint64_t state_parked_bytes(const struct state *); /* payloads and STATE_PARKED_ROW for each */
uint64_t state_parked_max(const struct state *); /* their ceiling */
/* What of that signal, source and destination is parked. Start-up only. */
struct ledger_amount state_parked_sum(struct state *, const char *signal, const char *source, const char *destination);

/* What to read of parked records, oldest first. */
struct state_parked_query {
	uint64_t after, until; /* ids behind the one, up to the other; until 0: all */
	const char *destination; /* NULL: any */
	size_t rows; /* at most */
	bool payloads; /* with them; ends before it is more than a MiB, but not before the first */
	bool alike; /* only those that are ready, and ends before another signal, source or destination */
};
struct state_parked_page {
	int failed;
	const struct state_parked *records; /* valid within the callback */
	size_t count;
	uint64_t last; /* the newest id of all */
};
void state_parked_read(struct state *, const struct state_parked_query *,
	void (*done)(void *, const struct state_parked_page *), void *context);
/* For another process: each parked record, oldest first. 0 or -errno. */
int state_parked_each(const char *folder, void (*visit)(void *, const struct state_parked *), void *context) MUST_CHECK;

/* The row of that key in mapped memory, zeroed when new. NULL when all slots are taken. */
struct ledger_terms *state_slot(struct state *, const char *key);

#endif
