/*
 * The databases of a state, as backup, restore and verify see them: as they were at one moment, while somebody writes
 * to them, and as hostile. For agent/state/ only.
 */
#ifndef OXP_STATE_BACKUP_DATABASE_H
#define OXP_STATE_BACKUP_DATABASE_H

#include <sqlite3.h>

#include "base/path.h"
#include "state/backup_watch.h"

/* How it is opened. STILL: nobody writes to it, and nothing is written beside it; a journal or a WAL that others put
 * there does nothing. */
enum backup_open { BACKUP_LIVE, BACKUP_STILL, BACKUP_WRITE };
/* Opens the database of that name, which exists. 0 or -errno. To be closed with sqlite3_close() in either case. */
int backup_database_open(const struct path_folder *, const char *name, enum backup_open, sqlite3 **ret) MUST_CHECK;
/* From here on it is read as it is at this moment. 0 or -errno. */
int backup_database_freeze(sqlite3 *) MUST_CHECK;
struct backup_pages {
	sqlite3 *from;
	const struct path_folder *state, *to;
	const char *name;
	const struct backup_watch *watch;
};
#define BACKUP_WAL_MAX (INT64_C(256) << 20)
/* Copies all pages of one that is frozen into a new file of that name, and syncs it. The agent goes on meanwhile, and
 * its WAL grows: -EFBIG if it has grown by BACKUP_WAL_MAX. 0; -EINTR; -errno. */
int backup_database_copy(const struct backup_pages *) MUST_CHECK;
enum { BACKUP_CHECK_S = 120 };
/* Whether all of it can be read (PRAGMA quick_check). 0; -EBADMSG; -ETIME: after BACKUP_CHECK_S that was not known;
 * -EINTR; -errno. */
int backup_database_check(sqlite3 *, const struct backup_watch *) MUST_CHECK;

#endif
