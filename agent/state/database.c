#include "state/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/new_db.h"

enum {
	CACHE_KIB = 512,
	CHECKPOINT_PAGES = 256,
	RESERVE = 1 << 20, /* bytes kept free in the database file beyond its pages */
	OWN_STEP = 1 << 20,
	WAL_OWNED = (CHECKPOINT_PAGES + 128) * (DATABASE_PAGE + 24) + 32,
	WAL_SPARE = 16, /* one part in 16 more than is written, for page headers and pages that are not full */
	WAL_KEPT = 8 << 20, /* bytes of WAL that a large transaction may leave behind */
	CHECK_ALWAYS = 4 << 20, /* bytes; this takes milliseconds. Larger files are checked only after a kill */
	CHECK_WHOLE = 64 << 20, /* of larger files, only tables without checksums of their own are checked */
	ROOMY = 64 << 20,
	DATABASE_NAME = 64, /* bytes of a file name in our folder */
	VALUE_MAX = 4 << 20, /* bytes of a value or a row; a payload is stored in pieces of a MiB */
};

/* The rows of one payload. However many pieces the first row claims, this never reaches into another payload or another
 * key. */
#define SPOOL_OF                                                                                                \
	" id >= ?1 AND id < ?1 + (SELECT min(parts, 1024) FROM spool WHERE id = ?1) AND (id = ?1 OR (parts = 0" \
	" AND key = (SELECT key FROM spool WHERE id = ?1)))"
#define SPOOL_STRANGE " FROM spool WHERE id < 1 OR id > 4611686018427387904" /* STATE_SPOOL_ID_MAX */

/* migrations[n] takes the database from version n to n + 1. */
static const char *const migrations[] = {
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
	"CREATE TABLE positions (collector TEXT, generation INTEGER, dev INTEGER, inode INTEGER, birth_ns INTEGER,"
	" head_hash INTEGER, head_size INTEGER, offset INTEGER, path TEXT, PRIMARY KEY (collector, generation))"
	" WITHOUT ROWID;"
	"CREATE TABLE ledger (key TEXT PRIMARY KEY, terms BLOB) WITHOUT ROWID;"
	"CREATE TABLE spool (id INTEGER PRIMARY KEY, key TEXT, records INTEGER, bytes INTEGER, checksum INTEGER,"
	" payload BLOB);"
	"INSERT INTO meta VALUES ('generation', 0);",

	/* A payload in pieces: `parts` is their number in the first row, and 0 in the others. */
	"ALTER TABLE spool ADD COLUMN parts INTEGER NOT NULL DEFAULT 1;"
	"ALTER TABLE spool ADD COLUMN meta BLOB;"
	"CREATE INDEX spool_first ON spool (key, id) WHERE parts > 0;"
	"CREATE TABLE damaged (n INTEGER PRIMARY KEY, id INTEGER, key TEXT, records INTEGER, bytes INTEGER,"
	" checksum INTEGER, payload BLOB);"
	"CREATE TABLE parked (id INTEGER PRIMARY KEY, at INTEGER, source TEXT, destination TEXT, reason TEXT,"
	" tries INTEGER, generation INTEGER, offset INTEGER, checksum INTEGER, payload BLOB);"
	"INSERT INTO meta VALUES ('running', 0);",

	/* A record of a file is identified by its place. It is doubtful if the position saved at a start was not past
	 * it. */
	"ALTER TABLE parked ADD COLUMN signal TEXT NOT NULL DEFAULT 'logs';"
	"ALTER TABLE parked ADD COLUMN records INTEGER NOT NULL DEFAULT 1;"
	"ALTER TABLE parked ADD COLUMN placed INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE parked ADD COLUMN doubtful INTEGER NOT NULL DEFAULT 0;"
	"CREATE UNIQUE INDEX parked_place ON parked (source, destination, generation, offset) WHERE placed;",

	/* When the file was created, or 0 if unknown. A copy of it has a later time. */
	"INSERT INTO meta VALUES ('birth', 0);",

	/* The hash of the bytes before a position, and where the known beginning is. */
	"ALTER TABLE positions ADD COLUMN before_hash INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE positions ADD COLUMN before_size INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE positions ADD COLUMN head_at INTEGER NOT NULL DEFAULT 0;",

	/* The number of commits. The ledger counts them too, which shows whether one of the two files is missing or
	 * older. */
	"INSERT INTO meta VALUES ('commits', 0);",

	/* What a door answered for is sent, and refused, again after a kill between the commit that parked it and the
	 * one that deleted its row of the spool. Its place says that it is the same; a place that its writer named, its
	 * bytes too. */
	"DELETE FROM parked WHERE NOT placed AND generation > 0 AND id NOT IN (SELECT min(id) FROM parked"
	" GROUP BY source, destination, generation, offset, checksum);"
	"CREATE UNIQUE INDEX parked_once ON parked (source, destination, generation, offset, checksum)"
	" WHERE NOT placed AND generation > 0;",

	/* Whether a run took all of a file that no other run can read. */
	"ALTER TABLE positions ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;",
};

/* The saved position of the file that a parked record came from. */
#define POSITION_OF                                                                                    \
	" FROM positions p WHERE placed AND p.collector = source AND p.generation = parked.generation" \
	" AND p.offset "

static const char *const statements[STATEMENTS] = {
	[PUT_POSITION] = "INSERT OR REPLACE INTO positions (collector, generation, dev, inode, birth_ns, head_hash,"
			 " head_size, offset, before_hash, before_size, head_at, ended, path)"
			 " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
	[DELETE_POSITION] = "DELETE FROM positions WHERE collector = ? AND generation = ?",
	[PUT_LEDGER] = "INSERT OR REPLACE INTO ledger VALUES (?,?)",
	[PUT_SPOOL] = "INSERT INTO spool (id, key, records, bytes, checksum, payload, parts) VALUES (?,?,?,?,?,?,?)",
	[DELETE_SPOOL] = "DELETE FROM spool WHERE" SPOOL_OF " RETURNING key, length(payload)",
	[KEEP_DAMAGED] = "INSERT INTO damaged (id, key, records, bytes, checksum, payload)"
			 " SELECT id, key, records, bytes, checksum, payload FROM spool WHERE" SPOOL_OF,
	[KEEP_STRANGE] = "INSERT INTO damaged (id, key, records, bytes, checksum, payload)"
			 " SELECT id, key, records, bytes, checksum, payload" SPOOL_STRANGE " LIMIT 64",
	[DELETE_STRANGE] = "DELETE" SPOOL_STRANGE,
	[KEEP_STRANGE_PARKED] = "INSERT INTO damaged (id, key, records, bytes, checksum, payload)"
				" SELECT id, destination, records, length(payload), checksum, payload FROM parked"
				" WHERE id < 1 LIMIT 64",
	[DELETE_STRANGE_PARKED] = "DELETE FROM parked WHERE id < 1",
	/* A record has at least one byte. */
	[MEND_PARKED] = "UPDATE parked SET records = 1 WHERE typeof(records) <> 'integer' OR records < 1"
			" OR records > max(1, coalesce(length(payload), 0))",
	[BOUND_DAMAGED] = "DELETE FROM damaged WHERE n <= (SELECT max(n) FROM damaged) - 64",
	[NEXT_SPOOL] = "SELECT id, records, bytes, parts FROM spool"
		       " WHERE key = ? AND id > ? AND parts > 0 ORDER BY id LIMIT 1",
	[PIECES_SPOOL] = "SELECT checksum, payload FROM spool WHERE id >= ? AND id < ? ORDER BY id",
	[PUT_PARKED] = "INSERT INTO parked (at, source, destination, reason, signal, tries, generation, offset,"
		       " checksum, records, placed, payload) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
	[KNOW_PARKED] = "UPDATE parked SET doubtful = 0 WHERE placed AND source = ? AND destination = ?"
			" AND generation = ? AND offset = ?",
	[DELETE_PARKED] = "DELETE FROM parked WHERE id = ? RETURNING length(payload)",
	[CHANGE_PARKED] = "UPDATE parked SET tries = ?, reason = ? WHERE id = ?",
	[LIST_PARKED] = DATABASE_PARKED
	" AND parked.id > ?2 AND parked.id <= ?3"
	" AND (?4 IS NULL OR destination = ?4) AND (NOT ?5 OR p.offset IS NULL OR p.offset > parked.offset)"
	" ORDER BY parked.id LIMIT ?6",
	[LAST_PARKED] = "SELECT coalesce(max(id), 0) FROM parked",
	[FORGET_DOUBTFUL] = "DELETE FROM parked WHERE doubtful AND EXISTS (SELECT *" POSITION_OF "> parked.offset)",
	[DOUBT_PARKED] = "UPDATE parked SET doubtful = 1 WHERE EXISTS (SELECT *" POSITION_OF "<= parked.offset)",
	[GET_LEDGER] = "SELECT terms FROM ledger WHERE key = ?",
	[PUT_NUMBERS] = "UPDATE meta SET value = max(value, CASE name WHEN 'generation' THEN ? ELSE ? END)"
			" WHERE name IN ('generation', 'commits')",
};

int database_run(struct database *d, const char *sql)
{
	return strange_db_errno(d->db, sqlite3_exec(d->db, sql, NULL, NULL, NULL));
}

int database_number(struct database *d, const char *sql, uint64_t *ret)
{
	return database_ask(d->db, sql, ret);
}

int database_ask(sqlite3 *db, const char *sql, uint64_t *ret)
{
	sqlite3_stmt *q;
	int failed = strange_db_errno(db, sqlite3_prepare_v2(db, sql, -1, &q, NULL));
	int row;

	if (failed)
		return failed;
	row = database_row(q);
	if (row > 0)
		*ret = (uint64_t)sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return row < 0 ? row : row ? 0 : -ENOENT;
}

int database_begin(struct database *d)
{
	int failed = busy_db_ready(d->busy, d->index);

	if (!failed)
		failed = database_run(d, "BEGIN IMMEDIATE");
	return failed;
}

sqlite3_stmt *database_statement(struct database *d, enum statement which)
{
	if (!d->ready[which])
		sqlite3_prepare_v3(d->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT, &d->ready[which], NULL);
	return d->ready[which];
}

int database_row(sqlite3_stmt *q)
{
	int code = sqlite3_step(q);

	return code == SQLITE_ROW ? 1 : strange_db_errno(sqlite3_db_handle(q), code);
}

int database_finish(sqlite3_stmt *q)
{
	int row = 1;

	while (row > 0)
		row = database_row(q);
	database_reset(q);
	return row;
}

void database_reset(sqlite3_stmt *q)
{
	sqlite3_reset(q);
	if (q)
		sqlite3_clear_bindings(q);
}

/* Opening. */

static int migrate(struct database *d, uint64_t version)
{
	char sql[200];
	uint64_t id;
	int failed = 0;

	if (getrandom(&id, sizeof id, 0) != sizeof id)
		return -EIO;
	for (; version < COUNT_OF(migrations) && !failed; version++) {
		snprintf(sql, sizeof sql,
			"INSERT INTO meta SELECT 'id', %lld WHERE NOT EXISTS (SELECT * FROM meta WHERE name = 'id');"
			"PRAGMA user_version = %d; COMMIT",
			(long long)id, (int)version + 1);
		failed = database_run(d, "BEGIN IMMEDIATE");
		if (!failed)
			failed = database_run(d, migrations[version]);
		if (!failed)
			failed = database_run(d, sql);
	}
	return failed;
}

/* SQLite's guarantees make damage unlikely, but disks may fail and people may edit the files. */
static int check(struct database *d, bool killed)
{
	uint64_t pages = 0;
	const char *sql;
	sqlite3_stmt *q;
	int failed = database_number(d, "PRAGMA page_count", &pages);

	if (failed || (!killed && pages * DATABASE_PAGE > CHECK_ALWAYS))
		return failed;
	sql = pages * DATABASE_PAGE <= CHECK_WHOLE ? "PRAGMA quick_check(1)" : "PRAGMA quick_check(positions)";
	failed = strange_db_errno(d->db, sqlite3_prepare_v2(d->db, sql, -1, &q, NULL));
	if (failed)
		return failed;
	if (sqlite3_step(q) != SQLITE_ROW || strcmp((const char *)sqlite3_column_text(q, 0), "ok") != 0)
		failed = -EBADMSG;
	sqlite3_finalize(q);
	return failed;
}

int database_guard(sqlite3 *db)
{
	return strange_db_guard(db, VALUE_MAX);
}

/* SQLite cuts the database at its end with every checkpoint. Even if nothing is behind it, that gives away the blocks
 * that are owned there. */
static int cut(int fd, off_t size)
{
	struct stat info;

	return fstat(fd, &info) == 0 && info.st_size == size ? 0 : ftruncate(fd, size);
}

static void keep_blocks(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	if (vfs && vfs->iVersion >= 3)
		vfs->xSetSystemCall(vfs, "ftruncate", (sqlite3_syscall_ptr)cut);
}

static int settings(struct database *d, uint64_t max)
{
	char sql[400];
	int on = 1;

	if (database_guard(d->db) < 0)
		return -ENOTSUP;
	busy_db_wait(d->busy, d->db);
	sqlite3_file_control(d->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	snprintf(sql, sizeof sql,
		"PRAGMA page_size=%d; PRAGMA synchronous=%s; PRAGMA journal_mode=WAL; PRAGMA cache_size=-%d;"
		"PRAGMA max_page_count=%llu; PRAGMA wal_autocheckpoint=%d; PRAGMA journal_size_limit=%d;"
		"PRAGMA temp_store=MEMORY",
		DATABASE_PAGE, d->fresh ? "OFF" : "FULL", CACHE_KIB, (unsigned long long)(max / DATABASE_PAGE),
		CHECKPOINT_PAGES, WAL_KEPT);
	return database_run(d, sql);
}

int database_tables(sqlite3 *db, uint64_t *ret_version)
{
	int failed = database_ask(db, "PRAGMA user_version", ret_version), made;

	if (failed)
		return failed;
	if (*ret_version > COUNT_OF(migrations))
		return -EPROTO;
	made = strange_db_is_made_by(db, migrations, *ret_version);
	return made < 0 ? made : made ? 0 : -EBADMSG;
}

/* With the numbers that this run gives out first, so that nothing waits for the disk when it does. */
static int begin_run(struct database *d)
{
	char sql[200];

	snprintf(sql, sizeof sql,
		"UPDATE meta SET value = CASE name WHEN 'running' THEN 1 ELSE value + %d END"
		" WHERE name IN ('running', 'generation')",
		DATABASE_AHEAD);
	return database_run(d, sql);
}

/* Checks that the database is ours or new, brings it to this version, and checks that it is sound. */
static int examine(struct database *d)
{
	uint64_t version = 0, running = 0;
	int failed = database_tables(d->db, &version);

	if (failed == -EPROTO)
		return failed;
	d->made = version == 0;
	if (!failed)
		failed = migrate(d, version);
	if (!failed)
		failed = database_number(d, "SELECT value FROM meta WHERE name='id'", &d->found_id);
	if (!failed)
		failed = database_number(d, "SELECT value FROM meta WHERE name='running'", &running);
	if (!failed)
		failed = check(d, running);
	if (failed)
		return failed;
	return begin_run(d);
}

uint64_t database_birth(int fd)
{
	struct statx x;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &x) < 0 || !(x.stx_mask & STATX_BTIME))
		return 0;
	return (uint64_t)x.stx_btime.tv_sec * 1000000000 + x.stx_btime.tv_nsec;
}

/* A copy gets an id of its own. Under the id that was copied, its lines would be taken for those of the original. */
static int know_copy(struct database *d)
{
	uint64_t birth = database_birth(d->file), known = 0, id;
	char sql[200];
	int failed = database_number(d, "SELECT value FROM meta WHERE name='birth'", &known);

	if (failed || birth == 0 || birth == known)
		return failed;
	if (getrandom(&id, sizeof id, 0) != sizeof id)
		return -EIO;
	d->copied = known != 0;
	snprintf(sql, sizeof sql,
		"BEGIN IMMEDIATE; UPDATE meta SET value = %lld WHERE name = 'birth';"
		"UPDATE meta SET value = %lld WHERE name = 'id' AND %d; COMMIT",
		(long long)birth, (long long)id, d->copied);
	return database_run(d, sql);
}

/* Opens those that exist and are not open yet: to allocate blocks with, and to look at locks. */
static void open_files(struct database *d, const struct path_folder *folder, const char *name)
{
	const struct {
		const char *end;
		int *file;
	} rows[] = { { "", &d->file }, { "-wal", &d->wal }, { "-shm", &d->index } };
	char path[DATABASE_NAME];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(path, sizeof path, "%s%s", name, rows[i].end);
		if (*rows[i].file < 0)
			*rows[i].file = path_ours_open(folder->fd, path, O_RDWR);
	}
}

/* SQLite opens its files by name and follows no link: it sets O_NOFOLLOW itself, and SQLITE_OPEN_NOFOLLOW makes it
 * check the folders too. It creates no database here, and gives its other files the mode of the existing one. */
static int open_database(struct database *d, const struct path_folder *folder, const char *name)
{
	char path[DATABASE_PATH];
	int code;

	if ((size_t)snprintf(path, sizeof path, "%s/%s", folder->name, name) >= sizeof path)
		return -ENAMETOOLONG;
	code = sqlite3_open_v2(path, &d->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	return strange_db_errno(d->db, code);
}

/* From now on each commit is synced. */
static int settle(struct database *d)
{
	int failed;

	if (!d->fresh)
		return 0;
	failed = database_run(d, "PRAGMA synchronous=FULL");
	if (failed)
		return failed;
	return new_db_sync(d->db);
}

void database_init(struct database *d, struct busy_db *busy,
	bool (*spool_fits)(struct bytes payload, const struct ledger_amount *))
{
	*d = (struct database){ .file = -1, .wal = -1, .index = -1, .busy = busy, .spool_fits = spool_fits };
}

int database_open(struct database *d, const struct path_folder *folder, const char *name, uint64_t max)
{
	int failed;

	keep_blocks();
	failed = path_ours_database(folder->fd, name);
	d->fresh = !failed && new_db_is(folder->fd, name);
	if (!failed)
		open_files(d, folder, name);
	if (!failed)
		failed = open_database(d, folder, name);
	if (!failed)
		failed = busy_db_ready(d->busy, d->index);
	if (!failed)
		failed = settings(d, max);
	if (!failed)
		failed = examine(d);
	if (failed)
		return failed;
	open_files(d, folder, name);
	failed = know_copy(d);
	if (!failed)
		failed = settle(d);
	if (failed)
		return failed;
	/* A full disk gives no blocks, but the agent starts anyway. */
	failed = database_own(d);
	return failed == -ENOSPC ? 0 : failed;
}

/* Allocates blocks beyond the end of the file. If the file system cannot do that, it goes without. */
static int allocate(int fd, uint64_t size)
{
	if (fd < 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0)
		return 0;
	return errno == ENOSPC || errno == EDQUOT ? -ENOSPC : 0;
}

/* If the disk has room, empties the WAL but keeps its blocks, so that it says nothing about a file that somebody puts
 * in place of this one. On a full disk, another program could take the blocks before we get them back. */
static void end_run(struct database *d)
{
	struct statvfs info;
	bool roomy = d->wal >= 0 && fstatvfs(d->wal, &info) == 0 && info.f_bavail * info.f_frsize > ROOMY;

	database_run(d, "UPDATE meta SET value = 0 WHERE name = 'running'");
	if (roomy && database_run(d, "PRAGMA wal_checkpoint(TRUNCATE)") == 0)
		roomy = allocate(d->wal, WAL_OWNED) == 0;
	database_run(d, "PRAGMA journal_size_limit=-1"); /* otherwise closing truncates the WAL again */
}

void database_find_holder(struct database *d)
{
	char who[BUSY_DB_HOLDER];
	const char *what = "state.db-shm";
	bool known = busy_db_holder(d->index, who);

	if (!known) {
		what = "state.db";
		known = busy_db_holder(d->file, who);
	}
	d->holder[0] = '\0';
	if (known)
		snprintf(d->holder, sizeof d->holder, "%s holds a lock on %s", who, what);
}

void database_close(struct database *d, bool sound)
{
	const int files[] = { d->file, d->wal, d->index };

	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(d->ready[i]);
	if (d->db && sound && busy_db_ready(d->busy, d->index) == 0)
		end_run(d);
	sqlite3_close(d->db);
	for (size_t i = 0; i < COUNT_OF(files); i++)
		if (files[i] >= 0)
			close(files[i]);
	database_init(d, d->busy, d->spool_fits);
}

static int own(struct database *d, uint64_t size)
{
	int failed = allocate(d->file, size);

	if (!failed)
		failed = allocate(d->wal, WAL_OWNED + d->wal_wanted);
	if (failed)
		d->wanted = size;
	else
		d->owned = size;
	d->wal_wanted = failed ? d->wal_wanted : 0;
	return d->starved = failed;
}

void database_starve(struct database *d, uint64_t bytes)
{
	if (!d->starved)
		d->wanted = d->owned;
	d->starved = -ENOSPC;
	d->wal_wanted = bytes + bytes / WAL_SPARE;
}

int database_own(struct database *d)
{
	uint64_t pages = 0, want;
	int failed = database_number(d, "PRAGMA page_count", &pages);

	want = pages * DATABASE_PAGE + RESERVE;
	if (failed)
		return failed;
	if (want > d->owned)
		return own(d, (want + OWN_STEP - 1) / OWN_STEP * OWN_STEP);
	if (d->starved) /* what did not fit was rolled back: see whether it fits now */
		own(d, d->wanted);
	return 0;
}
