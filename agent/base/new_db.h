/*
 * A new database: nothing is synced while its tables are made, and everything is synced once, after that. Otherwise a
 * disk that takes a second for a sync would take a dozen seconds for a new database. If the power fails meanwhile,
 * nothing is lost, since nothing was in it: the next start finds an empty file, or a damaged one that it sets aside.
 */
#ifndef OXP_NEW_DB_H
#define OXP_NEW_DB_H

#include "base/base.h"

struct sqlite3;

/* Whether the file `name` of that folder exists and is empty: SQLite has written nothing to it yet. */
bool new_db_is(int folder, const char *name);
/* Syncs the WAL and the database, and with the WAL their folder. Both files exist. 0 or -errno. */
int new_db_sync(struct sqlite3 *) MUST_CHECK;

#endif
