/*
 * Databases whose file others can write to: what SQLite advises for them (https://www.sqlite.org/security.html).
 *
 * Whoever shares a volume with us can put anything into state.db and store.db. A schema is a program: triggers run with
 * our statements, a view in the place of a table may go on for ever, an index over an expression computes it with each
 * row. So nothing of a schema runs here except what we made ourselves, and no value is larger than those we write.
 */
#ifndef OXP_STRANGE_DB_H
#define OXP_STRANGE_DB_H

#include "base/base.h"

struct sqlite3;

/* The result code of SQLite's last call for that database, which may be NULL, as 0 or -errno. -EBADMSG: the file is not
 * ours. If the system refused something, it is told as the system told it. */
int strange_db_errno(struct sqlite3 *, int code);
/* Right after it was opened. A value or a row that is larger than `length` is SQLITE_TOOBIG to whoever asks for it. 0
 * or -ENOTSUP. */
int strange_db_guard(struct sqlite3 *, int length) MUST_CHECK;
/* Whether the tables that these statements make are there as they make them, and have no other indexes. Whatever else
 * is in the file does nothing. 1, 0, or -ENOMEM. */
int strange_db_is_made_by(struct sqlite3 *, const char *const *statements, size_t count) MUST_CHECK;

#endif
