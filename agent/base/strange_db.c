#include "base/strange_db.h"

#include <ctype.h>
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

/* Of one of its files, which keeps it while the database rolls back. */
static int last_errno(struct sqlite3 *db, int which)
{
	sqlite3_file *file = NULL;
	int last = 0;

	if (db && sqlite3_file_control(db, "main", which, &file) == SQLITE_OK && file && file->pMethods)
		(void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &last);
	return last;
}

/* What SQLite calls an error of the disk, or a file that cannot be opened. Other numbers say what it tried last, not
 * what it needed. */
static int system_errno(struct sqlite3 *db)
{
	static const int causes[] = { ENOSPC, EDQUOT, EFBIG, EROFS, EACCES, EPERM, EMFILE, ENFILE };
	const int told[] = { db ? sqlite3_system_errno(db) : 0, last_errno(db, SQLITE_FCNTL_JOURNAL_POINTER),
		last_errno(db, SQLITE_FCNTL_FILE_POINTER) };

	for (size_t i = 0; i < COUNT_OF(told) * COUNT_OF(causes); i++)
		if (told[i / COUNT_OF(causes)] == causes[i % COUNT_OF(causes)])
			return -causes[i % COUNT_OF(causes)];
	return -EIO;
}

int strange_db_errno(struct sqlite3 *db, int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_ERROR: /* our words are constant: the tables are not ours */
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_TOOBIG: /* nor are values that are larger than any we write */
		return -EBADMSG;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_BUSY:
	case SQLITE_PROTOCOL: /* it has waited for the locks of readers */
		return -EBUSY;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return system_errno(db);
	default:
		return -EIO;
	}
}

int strange_db_guard(struct sqlite3 *db, int length)
{
	static const struct {
		int what, on;
	} settings[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
	};

	for (size_t i = 0; i < COUNT_OF(settings); i++)
		if (sqlite3_db_config(db, settings[i].what, settings[i].on, NULL) != SQLITE_OK)
			return -ENOTSUP;
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, length);
	return 0;
}

static const char *past_spaces(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

/* Apart from white space, which some versions of SQLite change when a column is added. */
static bool reads_alike(const char *a, const char *b)
{
	for (a = past_spaces(a), b = past_spaces(b); *a && *a == *b;) {
		a = past_spaces(a + 1);
		b = past_spaces(b + 1);
	}
	return *a == *b;
}

static bool is_there(sqlite3_stmt *entry, sqlite3_stmt *wanted)
{
	const char *sql;
	bool alike;

	for (int i = 0; i < 3; i++)
		sqlite3_bind_value(entry, i + 1, sqlite3_column_value(wanted, i));
	alike = sqlite3_step(entry) == SQLITE_ROW && (sql = (const char *)sqlite3_column_text(entry, 0)) &&
		reads_alike(sql, (const char *)sqlite3_column_text(wanted, 3)) && sqlite3_step(entry) == SQLITE_DONE;
	sqlite3_reset(entry);
	return alike;
}

static bool has_as_many(sqlite3_stmt *indexes, sqlite3_stmt *wanted)
{
	bool same;

	sqlite3_bind_value(indexes, 1, sqlite3_column_value(wanted, 2));
	same = sqlite3_step(indexes) == SQLITE_ROW &&
	       sqlite3_column_int64(indexes, 0) == sqlite3_column_int64(wanted, 4);
	sqlite3_reset(indexes);
	return same;
}

static int compare(sqlite3_stmt *wanted, sqlite3_stmt *entry, sqlite3_stmt *indexes)
{
	int code;

	while ((code = sqlite3_step(wanted)) == SQLITE_ROW)
		if (!is_there(entry, wanted) || !has_as_many(indexes, wanted))
			return 0;
	return code == SQLITE_DONE ? 1 : -ENOMEM;
}

static sqlite3_stmt *prepared(struct sqlite3 *db, const char *sql)
{
	sqlite3_stmt *q = NULL;

	sqlite3_prepare_v2(db, sql, -1, &q, NULL);
	return q;
}

int strange_db_is_made_by(struct sqlite3 *db, const char *const *statements, size_t count)
{
	sqlite3_stmt *wanted, *entry, *indexes;
	sqlite3 *model = NULL;
	int code = sqlite3_open(":memory:", &model), answer = -ENOMEM;

	for (size_t i = 0; i < count && code == SQLITE_OK; i++)
		code = sqlite3_exec(model, statements[i], NULL, NULL, NULL);
	OXP_ASSERT(code == SQLITE_OK || code == SQLITE_NOMEM);
	wanted = prepared(model, "SELECT type, name, tbl_name, sql, (SELECT count(*) FROM sqlite_schema i"
				 " WHERE i.type = 'index' AND i.tbl_name = s.tbl_name) FROM sqlite_schema s"
				 " WHERE type IN ('table', 'index') AND sql IS NOT NULL");
	entry = prepared(db, "SELECT sql FROM sqlite_schema WHERE type = ? AND name = ? AND tbl_name = ?");
	indexes = prepared(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?");
	if (wanted && code == SQLITE_OK)
		answer = entry && indexes ? compare(wanted, entry, indexes) : 0;
	sqlite3_finalize(wanted);
	sqlite3_finalize(entry);
	sqlite3_finalize(indexes);
	sqlite3_close(model);
	return answer;
}
