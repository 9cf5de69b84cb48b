/*
 * A database that is new: nothing of it is synced while its tables are made, and all of it once they are. Otherwise a
 * disk that takes a second for a sync would take a dozen seconds for a new database. If the power fails meanwhile, what
 * is there is no database, or one without tables: nothing is lost, since there was nothing.
 */
#ifndef OXP_NEW_DB_H
#define OXP_NEW_DB_H

#include "base/base.h"

struct sqlite3;

/* Whether nothing was ever written to the file `name` of that folder. */
bool new_db_is(int folder, const char *name);
/* Syncs the database and its WAL, which exist. 0 or -errno. */
int new_db_sync(struct sqlite3 *) MUST_CHECK;

#endif
