/*
 * state.db as a file: SQLite in WAL mode with full sync, its versions, its integrity, the disk blocks it owns. For
 * agent/state/ only.
 *
 * Blocks are owned beforehand: both the database and its WAL are allocated beyond what they hold, and the WAL is kept
 * over a restart. So a transaction of positions needs no block from a disk that is full.
 */
#ifndef OXP_STATE_DATABASE_H
#define OXP_STATE_DATABASE_H

#include <sqlite3.h>

#include "base/base.h"
#include "base/busy_db.h"
#include "base/path.h"
#include "base/strange_db.h"
#include "status/ledger.h"

enum statement {
	PUT_POSITION,
	DELETE_POSITION,
	PUT_LEDGER,
	PUT_SPOOL,
	DELETE_SPOOL,
	KEEP_DAMAGED,
	BOUND_DAMAGED,
	KEEP_STRANGE,
	DELETE_STRANGE,
	KEEP_STRANGE_PARKED,
	DELETE_STRANGE_PARKED,
	MEND_PARKED,
	NEXT_SPOOL,
	PIECES_SPOOL,
	PUT_PARKED,
	KNOW_PARKED,
	DELETE_PARKED,
	CHANGE_PARKED,
	LIST_PARKED,
	LAST_PARKED,
	FORGET_DOUBTFUL,
	DOUBT_PARKED,
	GET_LEDGER,
	PUT_NUMBERS,
	STATEMENTS
};

enum { DATABASE_PAGE = 4096, DATABASE_PATH = PATH_MAX };
/* How many numbers of generations a start saves before they are given out. */
enum { DATABASE_AHEAD = 16 };

/*
 * Parked records with what the saved positions say of them; ?1: with their payloads. The last column is whether the
 * position is past the record, so that the ledger that goes with positions knows of it. Left out is what was parked
 * before a kill and, read again after it, was not refused.
 */
#define DATABASE_PARKED                                                                                       \
	"SELECT parked.id, at, source, destination, reason, signal, tries, parked.generation, parked.offset," \
	" checksum, records, placed, length(payload), CASE WHEN ?1 THEN payload END,"                         \
	" p.offset IS NULL OR p.offset > parked.offset FROM parked LEFT JOIN positions p ON placed"           \
	" AND p.collector = source AND p.generation = parked.generation"                                      \
	" WHERE NOT (doubtful AND coalesce(p.offset > parked.offset, 0))"

struct database {
	sqlite3 *db;
	sqlite3_stmt *ready[STATEMENTS]; /* prepared when first used */
	int file, wal; /* to allocate blocks with; closed after db, since closing drops SQLite's locks */
	int index; /* of the WAL, as the two above */
	struct busy_db *busy; /* whoever opens it gives one */
	char holder[BUSY_DB_HOLDER + 32]; /* of a lock that the latest change waited for in vain, and on what; or "" */
	uint64_t owned; /* bytes of the database that have blocks */
	uint64_t wanted; /* while starved: what it should be */
	uint64_t wal_wanted; /* and how many bytes more of the WAL */
	bool made; /* it was empty, or not there */
	bool fresh; /* not even a header: nothing is synced until it is made */
	uint64_t found_id; /* the state's id as it was found, before it was known to be a copy */
	bool copied; /* it is a copy of the file that it was before, and has another id */
	bool (*spool_fits)(struct bytes payload, const struct ledger_amount *); /* as state_options.fits */
	bool nameless; /* whoever opens it next would not find it: nothing is spooled */
	int starved; /* what allocating more, or writing, ended with; 0: there is room */
};

/* Not open. */
void database_init(struct database *, struct busy_db *, bool (*spool_fits)(struct bytes, const struct ledger_amount *));
/* Opens the database `name` of that folder. 0 or -errno: -EPROTO if a newer version wrote it, -EBADMSG if it is damaged
 * or not a database, and those of path_ours_open() if the file is not ours. To be closed in either case. */
int database_open(struct database *, const struct path_folder *, const char *name, uint64_t max) MUST_CHECK;
/* `sound`: nothing was found wrong, so the next open need not check. One that is not open is fine. */
void database_close(struct database *, bool sound);

/* For a database that others may have written: see base/strange_db.h. 0 or -errno. */
int database_guard(sqlite3 *) MUST_CHECK;
/* Whether the tables are ours, of this version or an earlier one. 0; -EPROTO: a newer version wrote it; -EBADMSG;
 * -errno. Runs before any table is queried. */
int database_tables(sqlite3 *, uint64_t *ret_version) MUST_CHECK;
/* The first number that the statement answers. 0; -ENOENT: none; -errno. */
int database_ask(sqlite3 *, const char *sql, uint64_t *ret) MUST_CHECK;
/* When a file was made, in ns since 1970, or 0 if the file system does not keep the time. */
uint64_t database_birth(int fd);
int database_run(struct database *, const char *sql); /* 0 or -errno */
int database_number(struct database *, const char *sql, uint64_t *ret) MUST_CHECK;
/* Ready to be bound. NULL if it could not be prepared; binding accepts that, and the two below then fail. */
/* Begins a transaction that writes. 0 or -errno: -EBUSY if others have held a lock for too long. */
int database_begin(struct database *) MUST_CHECK;
sqlite3_stmt *database_statement(struct database *, enum statement);
int database_row(sqlite3_stmt *) MUST_CHECK; /* 1: a row; 0: no more; -errno */
int database_finish(sqlite3_stmt *); /* runs it if it has not; 0 or -errno; ready again */
/* Ready again, and not run again: after an error SQLite may have rolled back, and would commit it alone. */
void database_reset(sqlite3_stmt *);
/* Allocates blocks for the database as the transaction under way leaves it, and for the reserve. 0 or -ENOSPC. */
int database_own(struct database *) MUST_CHECK;
/* A change waited for a lock in vain: says who holds it. */
void database_find_holder(struct database *);
/* `bytes` found no room on disk: from now on each database_own() checks whether there is room. */
void database_starve(struct database *, uint64_t bytes);

#endif
