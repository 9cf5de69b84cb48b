/*
 * Locks that another process holds on a database of ours, as a backup does, or a stranger: any process that may open
 * its files can. A statement waits for them for a while, but no longer once the process ends.
 */
#ifndef OXP_BUSY_DB_H
#define OXP_BUSY_DB_H

#include <stdatomic.h>

#include "base/base.h"

struct sqlite3;

enum { BUSY_DB_MS = 2000, BUSY_DB_HOLDER = 96 };

/* Zeroed memory is fine. */
struct busy_db {
	atomic_bool hurried;
};

/* Right after it was opened: its statements wait for BUSY_DB_MS. The struct outlives it. */
void busy_db_wait(struct busy_db *, struct sqlite3 *);
/* Waits as long, before a transaction, for the locks that every reader needs: SQLite itself waits ten seconds for
 * these, whatever it is told. `index` is the file of the index of the WAL; less than 0: it is not there yet. 0 or
 * -EBUSY. */
int busy_db_ready(const struct busy_db *, int index) MUST_CHECK;
/* They wait no more, nor does the one that waits right now. From any thread. */
void busy_db_hurry(struct busy_db *);
/* Who holds a lock on that file, as "process 123 (name)". False: nobody, or that cannot be told. The descriptor must
 * stay open as long as the database: closing one that leads to a file drops all locks of this process on it. */
bool busy_db_holder(int fd, char ret[BUSY_DB_HOLDER]) MUST_CHECK;

#endif
