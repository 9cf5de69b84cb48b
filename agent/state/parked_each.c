#include "state/parked_each.h"

#include <errno.h>
#include <stdio.h>

#include "state/parked_rows.h"

static int each_row(sqlite3 *db, void (*visit)(void *, const struct state_parked *), void *context)
{
	sqlite3_stmt *q = NULL;
	int code = sqlite3_prepare_v2(db, DATABASE_PARKED " ORDER BY parked.id", -1, &q, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_bind_int(q, 1, 1);
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(q);
		if (code == SQLITE_ROW) {
			const struct state_parked r = parked_row_of(q);
			visit(context, &r);
		}
	}
	sqlite3_finalize(q);
	return code;
}

int state_parked_each(const char *folder, void (*visit)(void *, const struct state_parked *), void *context)
{
	struct path_folder at;
	char name[DATABASE_PATH];
	sqlite3 *db = NULL;
	int code, failed = path_folder_open(folder, false, &at);

	if (failed)
		return failed;
	path_folder_close(&at);
	if ((size_t)snprintf(name, sizeof name, "%s/state.db", at.name) >= sizeof name)
		return -ENAMETOOLONG;
	code = sqlite3_open_v2(name, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL);
	if (code == SQLITE_OK && database_guard(db) < 0)
		code = SQLITE_CORRUPT;
	if (code == SQLITE_OK)
		code = each_row(db, visit, context);
	failed = strange_db_errno(db, code);
	sqlite3_close(db);
	return failed;
}
