#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/busy_db.h"
#include "base/new_db.h"
#include "base/path.h"
#include "base/strange_db.h"

static const char store_name[] = "store.db";

enum {
	PATH_ROOM = PATH_MAX,
	PAGE = 4096,
	CACHE_KIB = 512,
	PRUNE_ROWS = 64, /* of one statement */
	PRUNE_ROUNDS = 1000, /* of one transaction */
	WAL_MAX = 4 << 20,
};

#define READABLE(column) "strftime('%Y-%m-%dT%H:%M:%S', " column " / 1000000000, 'unixepoch')"

/* What is too old, or the oldest, is so by `at`, when it was stored: the times of spans are what apps say. */
/* clang-format off */
#define SPANS \
	"CREATE TABLE spans (start_ns INTEGER, end_ns INTEGER, trace_id TEXT, span_id TEXT, parent_id TEXT," \
	" service TEXT, name TEXT, kind INTEGER, status INTEGER, details TEXT, at INTEGER," \
	" PRIMARY KEY (trace_id, span_id)) WITHOUT ROWID;" \
	"CREATE INDEX spans_at ON spans (at);"

static const char schema[] =
	"CREATE TABLE logs (at INTEGER, id TEXT UNIQUE, body TEXT);"
	"CREATE INDEX logs_at ON logs (at);"
	SPANS
	"CREATE TABLE samples (at INTEGER, series TEXT, value REAL);"
	"CREATE INDEX samples_at ON samples (at);"
	"CREATE VIEW logs_readable AS SELECT " READABLE("at") " AS time, body FROM logs ORDER BY at;"
	"CREATE VIEW spans_readable AS SELECT " READABLE("start_ns") " AS time, service, name,"
	" (end_ns - start_ns) / 1e6 AS ms, trace_id, span_id, parent_id, details FROM spans ORDER BY start_ns;"
	"CREATE VIEW samples_readable AS SELECT " READABLE("at") " AS time, series, value FROM samples ORDER BY at;"
	"PRAGMA user_version = 2;";

/* In version 1, nobody knew when spans were stored. */
static const char from_version_1[] = "DROP TABLE IF EXISTS spans;" SPANS "PRAGMA user_version = 2;";
/* clang-format on */

enum { PUT_LOG, PUT_SPAN, PUT_SAMPLE, PUTS };
static const char *const puts_sql[PUTS] = {
	[PUT_LOG] = "INSERT OR IGNORE INTO logs VALUES (?,?,?)",
	[PUT_SPAN] = "INSERT OR IGNORE INTO spans VALUES (?,?,?,?,?,?,?,?,?,?,?)",
	[PUT_SAMPLE] = "INSERT INTO samples VALUES (?,?,?)",
};

/* The oldest PRUNE_ROWS of a table, up to a time. */
static const char *const prune_sql[PUTS] = {
	[PUT_LOG] = "DELETE FROM logs WHERE rowid IN (SELECT rowid FROM logs WHERE at < ? ORDER BY at LIMIT ?)",
	[PUT_SPAN] = "DELETE FROM spans WHERE (trace_id, span_id) IN"
		     " (SELECT trace_id, span_id FROM spans WHERE at < ? ORDER BY at LIMIT ?)",
	[PUT_SAMPLE] = "DELETE FROM samples WHERE rowid IN"
		       " (SELECT rowid FROM samples WHERE at < ? ORDER BY at LIMIT ?)",
};

/* Not min(): within a larger query SQLite reads the whole index for it. */
static const char *const oldest_sql[PUTS] = {
	[PUT_LOG] = "SELECT at FROM logs ORDER BY at LIMIT 1",
	[PUT_SPAN] = "SELECT at FROM spans ORDER BY at LIMIT 1",
	[PUT_SAMPLE] = "SELECT at FROM samples ORDER BY at LIMIT 1",
};

struct store {
	sqlite3 *db;
	struct busy_db busy;
	int index; /* of the WAL; closed after db, since closing drops SQLite's locks */
	sqlite3_stmt *put[PUTS];
	struct store_limits limits;
	uint64_t wal_bytes; /* the share of the WAL */
	bool fresh; /* nothing is synced until its tables are made */
	bool damaged; /* the file is to be set aside before anything else */
	struct path_folder folder;
	uint32_t id;
};

static int run(sqlite3 *db, const char *sql)
{
	return strange_db_errno(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* The first column of the first row. */
static int64_t number_or(sqlite3 *db, const char *sql, int64_t value)
{
	sqlite3_stmt *q;

	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		value = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return value;
}

static int64_t number(sqlite3 *db, const char *sql)
{
	return number_or(db, sql, -1);
}

/* Opening. */

/* Somebody else may have made them. */
static int check_tables(struct store *s)
{
	const char *const statements[] = { schema };
	int made = strange_db_is_made_by(s->db, statements, COUNT_OF(statements));

	return made < 0 ? made : made ? 0 : -EBADMSG;
}

static int make_tables(struct store *s)
{
	int64_t version = number(s->db, "PRAGMA user_version");
	int failed;

	if (version > STORE_VERSION)
		return -EPROTO;
	if (version == STORE_VERSION)
		return check_tables(s);
	failed = run(s->db, "BEGIN IMMEDIATE");
	if (!failed)
		failed = run(s->db, version == 1 ? from_version_1 : schema);
	if (!failed)
		failed = run(s->db, "COMMIT");
	return failed || version != 1 ? failed : check_tables(s);
}

/* Tells whether it is still the same file: SQLite keeps a number in its header that applications may use. */
static int learn_id(struct store *s)
{
	int64_t id = number(s->db, "PRAGMA application_id");
	char sql[60];
	uint32_t drawn;

	s->id = (uint32_t)id;
	if (id != 0)
		return id < 0 ? -EIO : 0;
	if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn)
		return -EIO;
	s->id = (drawn & INT32_MAX) | 1;
	snprintf(sql, sizeof sql, "PRAGMA application_id = %u", s->id);
	return run(s->db, sql);
}

static int settings(struct store *s)
{
	char sql[300];

	busy_db_wait(&s->busy, s->db);
	snprintf(sql, sizeof sql,
		"PRAGMA synchronous=%s; PRAGMA page_size=%d; PRAGMA cache_size=-%d; PRAGMA auto_vacuum=INCREMENTAL;"
		"PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=%llu; PRAGMA journal_size_limit=%llu;"
		"PRAGMA temp_store=MEMORY",
		s->fresh ? "OFF" : "NORMAL", PAGE, CACHE_KIB, (unsigned long long)(s->wal_bytes / 4 / PAGE),
		(unsigned long long)s->wal_bytes);
	return run(s->db, sql);
}

/* Its files are ours or none, and are opened through no link: SQLite sees to that once it has the folder's own name. */
static int open_database(struct store *s)
{
	char name[PATH_ROOM + sizeof store_name];
	int failed = path_ours_database(s->folder.fd, store_name), code;

	if (failed)
		return failed;
	s->fresh = new_db_is(s->folder.fd, store_name);
	snprintf(name, sizeof name, "%s/%s", s->folder.name, store_name);
	code = sqlite3_open_v2(name, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	return strange_db_errno(s->db, code);
}

/* From now on it is synced, as NORMAL does. */
static int settle(struct store *s)
{
	int failed;

	if (!s->fresh)
		return 0;
	failed = run(s->db, "PRAGMA synchronous=NORMAL");
	if (failed)
		return failed;
	return new_db_sync(s->db);
}

static void open_index(struct store *s)
{
	if (s->index < 0)
		s->index = path_ours_open(s->folder.fd, "store.db-shm", O_RDWR);
}

static int open_once(struct store *s)
{
	int failed;

	open_index(s);
	failed = busy_db_ready(&s->busy, s->index);
	if (!failed)
		failed = open_database(s);
	if (!failed)
		failed = strange_db_guard(s->db, INT_MAX);
	if (!failed)
		failed = settings(s);
	if (!failed)
		failed = make_tables(s);
	open_index(s);
	if (!failed)
		failed = learn_id(s);
	if (!failed)
		failed = settle(s);
	for (int i = 0; i < PUTS && !failed; i++)
		failed = strange_db_errno(
			s->db, sqlite3_prepare_v3(s->db, puts_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->put[i], NULL));
	return failed;
}

static void close_database(struct store *s)
{
	for (int i = 0; i < PUTS; i++) {
		sqlite3_finalize(s->put[i]);
		s->put[i] = NULL;
	}
	sqlite3_close(s->db);
	s->db = NULL;
	if (s->index >= 0)
		close(s->index);
	s->index = -1;
}

static int begin_anew(struct store *s)
{
	int failed;

	close_database(s);
	failed = path_ours_set_aside(s->folder.fd, store_name); /* the WAL must tell the next one nothing */
	if (!failed)
		failed = open_once(s);
	s->damaged = failed != 0;
	return failed;
}

int store_open(const char *folder, const struct store_limits *limits, struct store **ret, char *why, size_t room)
{
	struct store *s = oxp_new(sizeof *s);
	int failed = path_folder_open(folder, false, &s->folder);

	s->index = -1;
	s->limits = *limits;
	s->wal_bytes = limits->bytes / 4 < WAL_MAX ? limits->bytes / 4 : WAL_MAX;
	if (!failed)
		failed = open_once(s);
	if (failed == -EBADMSG)
		failed = begin_anew(s);
	if (!failed) {
		*ret = s;
		return 0;
	}
	snprintf(why, room,
		failed == -EPROTO ? "%.200s/%s was written by a newer oxpecker: run that one, or give another path"
				  : "cannot use %.200s/%s: %s",
		folder, store_name, path_why(failed));
	store_close(s);
	return failed;
}

uint32_t store_id(const struct store *s)
{
	return s->id;
}

void store_hurry(struct store *s)
{
	if (s)
		busy_db_hurry(&s->busy);
}

void store_close(struct store *s)
{
	if (!s)
		return;
	close_database(s);
	path_folder_close(&s->folder);
	free(s);
}

/* Throwing out. */

/* Answers how many, or -errno. */
static int delete_rows(struct store *s, int table, int64_t before)
{
	sqlite3_stmt *q;
	int failed = strange_db_errno(s->db, sqlite3_prepare_v2(s->db, prune_sql[table], -1, &q, NULL));

	if (failed)
		return failed;
	sqlite3_bind_int64(q, 1, before);
	sqlite3_bind_int64(q, 2, PRUNE_ROWS);
	sqlite3_step(q);
	failed = strange_db_errno(s->db, sqlite3_finalize(q));
	if (failed)
		return failed;
	return sqlite3_changes(s->db);
}

static int drop_old(struct store *s, struct wall_time now, int *rounds)
{
	int deleted = 0;

	for (int table = 0; table < PUTS && deleted >= 0; table++)
		do
			deleted = delete_rows(s, table, now.ns - s->limits.age.ns);
		while (deleted == PRUNE_ROWS && --*rounds > 0);
	return deleted < 0 ? deleted : 0;
}

static int64_t pages_allowed(const struct store *s)
{
	return (int64_t)((s->limits.bytes - s->wal_bytes) / PAGE);
}

static int64_t pages_used(struct store *s)
{
	return number(s->db, "PRAGMA page_count") - number(s->db, "PRAGMA freelist_count");
}

/* The table with the oldest row of all, or -1. */
static int oldest_table(struct store *s)
{
	int64_t oldest = INT64_MAX;
	int found = -1;

	for (int table = 0; table < PUTS; table++) {
		int64_t at = number_or(s->db, oldest_sql[table], INT64_MAX);
		if (at >= oldest)
			continue;
		oldest = at;
		found = table;
	}
	return found;
}

/* Leaves a sixteenth free for new rows; otherwise the file would grow and be cut with each transaction. */
static int drop_much(struct store *s, int *rounds)
{
	int64_t wanted = pages_allowed(s) - pages_allowed(s) / 16;
	int deleted = 1;

	while (deleted > 0 && --*rounds > 0 && pages_used(s) > wanted) {
		int table = oldest_table(s);
		deleted = table < 0 ? 0 : delete_rows(s, table, INT64_MAX);
	}
	return deleted < 0 ? deleted : 0;
}

/* Gives pages back to the file system within the transaction: the file is never larger than it may be. */
static int shrink(struct store *s)
{
	int64_t excess = number(s->db, "PRAGMA page_count") - pages_allowed(s);
	char sql[60];

	if (excess <= 0)
		return 0;
	snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%lld)", (long long)excess);
	return run(s->db, sql);
}

/* Writing. */

/* Its file was removed, renamed or replaced: the next start would not find what is written. */
static bool is_nameless(struct store *s)
{
	int moved = 0;

	return sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

int store_begin(struct store *s)
{
	int failed = s->damaged ? begin_anew(s) : 0;

	if (failed)
		return failed;
	if (is_nameless(s))
		return -ESTALE;
	failed = busy_db_ready(&s->busy, s->index);
	if (!failed)
		failed = run(s->db, "BEGIN IMMEDIATE");
	return failed;
}

int store_end(struct store *s, struct wall_time now, bool commit)
{
	int rounds = PRUNE_ROUNDS;
	int failed = commit ? drop_old(s, now, &rounds) : 0;

	if (commit && !failed)
		failed = drop_much(s, &rounds);
	if (commit && !failed)
		failed = shrink(s);
	if (!failed)
		failed = run(s->db, commit ? "COMMIT" : "ROLLBACK");
	if (failed)
		run(s->db, "ROLLBACK");
	s->damaged = s->damaged || failed == -EBADMSG;
	return failed;
}

static int put(struct store *s, sqlite3_stmt *q)
{
	int failed;

	sqlite3_step(q);
	failed = strange_db_errno(s->db, sqlite3_reset(q));
	sqlite3_clear_bindings(q);
	s->damaged = s->damaged || failed == -EBADMSG;
	return failed;
}

int store_log(struct store *s, struct wall_time at, const char *id, struct bytes body)
{
	sqlite3_stmt *q = s->put[PUT_LOG];

	sqlite3_bind_int64(q, 1, at.ns);
	sqlite3_bind_text(q, 2, id, -1, SQLITE_STATIC);
	sqlite3_bind_text64(q, 3, body.data, body.size, SQLITE_STATIC, SQLITE_UTF8);
	return put(s, q);
}

/* A time that SQLite cannot hold is the last one that it can. */
static void bind_time(sqlite3_stmt *q, int at, uint64_t ns)
{
	sqlite3_bind_int64(q, at, ns < INT64_MAX ? (sqlite3_int64)ns : INT64_MAX);
}

int store_span(struct store *s, struct wall_time at, const struct store_span *span)
{
	const char *texts[] = { span->trace_id, span->span_id, span->parent_id, span->service, span->name };
	sqlite3_stmt *q = s->put[PUT_SPAN];

	bind_time(q, 1, span->start_ns);
	bind_time(q, 2, span->end_ns);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		sqlite3_bind_text(q, (int)i + 3, texts[i], -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 8, span->kind);
	sqlite3_bind_int64(q, 9, span->status);
	sqlite3_bind_text(q, 10, span->details, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 11, at.ns);
	return put(s, q);
}

int store_sample(struct store *s, struct wall_time at, struct bytes series, double value)
{
	sqlite3_stmt *q = s->put[PUT_SAMPLE];

	sqlite3_bind_int64(q, 1, at.ns);
	sqlite3_bind_text64(q, 2, series.data, series.size, SQLITE_STATIC, SQLITE_UTF8);
	sqlite3_bind_double(q, 3, value);
	return put(s, q);
}
