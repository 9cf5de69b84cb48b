#include "state/backup_database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strange_db.h"
#include "state/backup_files.h"

enum {
	STEP_PAGES = 256, /* that are copied between two looks at the watch */
	CACHE_KIB = 512,
	LOCK_MS = 5000, /* to wait for the locks of others */
	LOOK_STEPS = 20000, /* of SQLite's machine, between two looks */
	VALUE_MAX = 64 << 20, /* bytes of a value that is looked at */
	PATH_ROOM = 3 * PATH_MAX + BACKUP_SIDE_MAX,
};

static int run(sqlite3 *db, const char *sql)
{
	return strange_db_errno(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* Opening. */

static int check_sides(int folder, const char *name)
{
	char side[BACKUP_SIDE_MAX];
	struct stat info;
	int failed = 0;

	if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	failed = S_ISREG(info.st_mode) ? 0 : -EBADF;
	for (size_t i = 0; i < BACKUP_SIDES && !failed; i++) {
		snprintf(side, sizeof side, "%s%s", name, backup_sides[i]);
		if (fstatat(folder, side, &info, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(info.st_mode))
			failed = -EBADF;
	}
	return failed;
}

/* As a URI (RFC 3986): whatever stands in a path means itself. */
static int write_uri(const struct path_folder *folder, const char *name, bool still, char to[PATH_ROOM])
{
	const char *const parts[] = { folder->name, "/", name };
	size_t n = (size_t)snprintf(to, PATH_ROOM, "file:");

	for (size_t i = 0; i < COUNT_OF(parts); i++)
		for (const unsigned char *p = (const unsigned char *)parts[i]; *p; p++) {
			if (n + sizeof "%00?immutable=1" > PATH_ROOM)
				return -ENAMETOOLONG;
			n += (size_t)snprintf(to + n, PATH_ROOM - n,
				*p > ' ' && *p < 0x7f && !strchr("%?#", *p) ? "%c" : "%%%02x", *p);
		}
	snprintf(to + n, PATH_ROOM - n, "%s", still ? "?immutable=1" : "");
	return 0;
}

int backup_database_open(const struct path_folder *folder, const char *name, enum backup_open how, sqlite3 **ret)
{
	const int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
	char uri[PATH_ROOM], sql[100];
	int failed = check_sides(folder->fd, name);

	*ret = NULL;
	if (!failed)
		failed = write_uri(folder, name, how == BACKUP_STILL, uri);
	if (failed)
		return failed;
	failed = sqlite3_open_v2(
		uri, ret, flags | (how == BACKUP_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY), NULL);
	failed = strange_db_errno(*ret, failed);
	if (!failed)
		failed = strange_db_guard(*ret, VALUE_MAX);
	if (failed)
		return failed;
	sqlite3_busy_timeout(*ret, LOCK_MS);
	snprintf(sql, sizeof sql, "PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY%s", CACHE_KIB,
		how == BACKUP_WRITE ? "; PRAGMA journal_mode=MEMORY" : "");
	return run(*ret, sql);
}

int backup_database_freeze(sqlite3 *db)
{
	int failed = run(db, "BEGIN");

	if (!failed)
		failed = run(db, "SELECT count(*) FROM sqlite_schema");
	return failed;
}

/* Copying. */

static int64_t wal_size(const struct backup_pages *p)
{
	char wal[BACKUP_SIDE_MAX];
	struct stat info;

	snprintf(wal, sizeof wal, "%s%s", p->name, backup_sides[0]);
	return fstatat(p->state->fd, wal, &info, AT_SYMLINK_NOFOLLOW) == 0 ? info.st_size : 0;
}

static int copy_pages(const struct backup_pages *p, sqlite3 *to)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", p->from, "main");
	const int64_t wal = wal_size(p);
	int code = SQLITE_OK, failed = 0;

	if (!b)
		return strange_db_errno(to, sqlite3_errcode(to));
	while (code == SQLITE_OK && !failed) {
		if (backup_stops(p->watch))
			failed = -EINTR;
		else if (wal_size(p) > wal + BACKUP_WAL_MAX)
			failed = -EFBIG;
		else
			code = sqlite3_backup_step(b, STEP_PAGES);
	}
	sqlite3_backup_finish(b);
	if (failed)
		return failed;
	return strange_db_errno(to, code);
}

/* Not with the WAL that the original has: reading it leaves nothing beside it. */
static int fill(const struct backup_pages *p, sqlite3 *to)
{
	int failed = run(to, "PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF");

	if (!failed)
		failed = copy_pages(p, to);
	if (!failed)
		failed = run(to, "PRAGMA journal_mode=DELETE");
	return failed;
}

int backup_database_copy(const struct backup_pages *p)
{
	int fd = openat(p->to->fd, p->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), failed;
	sqlite3 *to = NULL;

	if (fd < 0)
		return -errno;
	failed = backup_database_open(p->to, p->name, BACKUP_WRITE, &to);
	if (!failed)
		failed = fill(p, to);
	if (sqlite3_close(to) != SQLITE_OK && !failed)
		failed = -EIO;
	if (!failed && fsync(fd) < 0)
		failed = -errno;
	close(fd);
	return failed;
}

/* Checking. */

struct looking {
	const struct backup_watch *watch;
	struct mono_time until;
	int ended; /* 0, or why */
};

static int on_progress(void *context)
{
	struct looking *l = context;

	if (backup_stops(l->watch))
		l->ended = -EINTR;
	else if (clock_system.mono(&clock_system).ns > l->until.ns)
		l->ended = -ETIME;
	return l->ended;
}

static int quick_check(sqlite3 *db)
{
	sqlite3_stmt *q = NULL;
	int code = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &q, NULL), failed;
	const char *said;

	if (code == SQLITE_OK)
		code = sqlite3_step(q);
	failed = strange_db_errno(db, code);
	if (!failed) {
		said = code == SQLITE_ROW ? (const char *)sqlite3_column_text(q, 0) : NULL;
		failed = said && strcmp(said, "ok") == 0 ? 0 : -EBADMSG;
	}
	sqlite3_finalize(q);
	return failed;
}

int backup_database_check(sqlite3 *db, const struct backup_watch *watch)
{
	struct looking l = { .watch = watch,
		.until = mono_after(clock_system.mono(&clock_system), DURATION_S(BACKUP_CHECK_S)) };
	int failed;

	sqlite3_progress_handler(db, LOOK_STEPS, on_progress, &l);
	failed = quick_check(db);
	sqlite3_progress_handler(db, 0, NULL, NULL);
	return l.ended ? l.ended : failed;
}
