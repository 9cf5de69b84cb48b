#include "store/store.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { VERSION = 1, PATH_ROOM = 4096, CACHE_KIB = 512, BUSY_MS = 2000, PRUNE_ROWS = 2000, PRUNE_ROUNDS = 50 };

#define READABLE(column) "strftime('%Y-%m-%dT%H:%M:%S', " column " / 1000000000, 'unixepoch')"
static const char schema[] =
	"CREATE TABLE logs (at INTEGER, id TEXT UNIQUE, body TEXT);"
	"CREATE INDEX logs_at ON logs (at);"
	"CREATE TABLE spans (start_ns INTEGER, end_ns INTEGER, trace_id TEXT, span_id TEXT, parent_id TEXT, service "
	"TEXT, name TEXT,"
	" kind INTEGER, status INTEGER, details TEXT, PRIMARY KEY (trace_id, span_id)) WITHOUT ROWID;"
	"CREATE INDEX spans_start ON spans (start_ns);"
	"CREATE TABLE samples (at INTEGER, series TEXT, value REAL);"
	"CREATE INDEX samples_at ON samples (at);"
	"CREATE VIEW logs_readable AS SELECT " READABLE(
		"at") " AS time, body FROM logs ORDER BY at;"
		      "CREATE VIEW spans_readable AS SELECT " READABLE(
			      "start_ns") " AS time, service, name, (end_ns - start_ns) / 1e6 AS ms,"
					  " trace_id, span_id, parent_id, details FROM spans ORDER BY start_ns;"
					  "CREATE VIEW samples_readable AS SELECT " READABLE(
						  "at") " AS time, series, value FROM samples ORDER BY at;"
							"PRAGMA user_version = 1;";

enum { PUT_LOG, PUT_SPAN, PUT_SAMPLE, PUTS };
static const char *const puts_sql[PUTS] = {
	[PUT_LOG] = "INSERT OR IGNORE INTO logs VALUES (?,?,?)",
	[PUT_SPAN] = "INSERT OR IGNORE INTO spans VALUES (?,?,?,?,?,?,?,?,?,?)",
	[PUT_SAMPLE] = "INSERT INTO samples VALUES (?,?,?)",
};

static const struct {
	const char *too_old, *oldest;
} prunes[] = {
	{ "DELETE FROM logs WHERE at < ?",
		"DELETE FROM logs WHERE rowid IN (SELECT rowid FROM logs ORDER BY at LIMIT ?)" },
	{ "DELETE FROM spans WHERE start_ns < ?", "DELETE FROM spans WHERE (trace_id, span_id) IN"
						  " (SELECT trace_id, span_id FROM spans ORDER BY start_ns LIMIT ?)" },
	{ "DELETE FROM samples WHERE at < ?",
		"DELETE FROM samples WHERE rowid IN (SELECT rowid FROM samples ORDER BY at LIMIT ?)" },
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *put[PUTS];
	struct store_limits limits;
};

static int sqlite_errno(int code)
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
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_BUSY:
		return -EAGAIN;
	default:
		return -EIO;
	}
}

static int run(sqlite3 *db, const char *sql)
{
	return sqlite_errno(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *q;
	int64_t value = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		value = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return value;
}

static int open_at(struct store *s, const char *name)
{
	char sql[128];
	int failed = sqlite_errno(
		sqlite3_open_v2(name, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));

	if (failed)
		return failed;
	sqlite3_busy_timeout(s->db, BUSY_MS);
	snprintf(sql, sizeof sql,
		"PRAGMA cache_size=-%d; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA "
		"synchronous=NORMAL",
		CACHE_KIB);
	failed = run(s->db, sql);
	if (!failed && number(s->db, "PRAGMA user_version") == 0)
		failed = run(s->db, "BEGIN IMMEDIATE") || run(s->db, schema) || run(s->db, "COMMIT") ? -EIO : 0;
	for (int i = 0; i < PUTS && !failed; i++)
		failed = sqlite_errno(
			sqlite3_prepare_v3(s->db, puts_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->put[i], NULL));
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
}

int store_open(const char *folder, const struct store_limits *limits, struct store **ret, char *why, size_t room)
{
	struct store *s = oxp_new(sizeof *s);
	char name[PATH_ROOM], aside[PATH_ROOM];
	int failed;

	s->limits = *limits;
	snprintf(name, sizeof name, "%s/store.db", folder);
	failed = open_at(s, name);
	if (failed == -EBADMSG && (size_t)snprintf(aside, sizeof aside, "%s.corrupt", name) < sizeof aside) {
		close_database(s);
		failed = rename(name, aside) < 0 ? -errno : open_at(s, name);
	}
	if (failed) {
		snprintf(why, room, "cannot use %.200s: %s", name, strerror(-failed));
		store_close(s);
		return failed;
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	close_database(s);
	free(s);
}

int store_begin(struct store *s)
{
	return run(s->db, "BEGIN IMMEDIATE");
}

static int delete_rows(struct store *s, const char *sql, int64_t bound)
{
	sqlite3_stmt *q;
	int failed = sqlite_errno(sqlite3_prepare_v2(s->db, sql, -1, &q, NULL));

	if (failed)
		return failed;
	sqlite3_bind_int64(q, 1, bound);
	sqlite3_step(q);
	return sqlite_errno(sqlite3_finalize(q));
}

static uint64_t used_bytes(struct store *s)
{
	int64_t pages = number(s->db, "PRAGMA page_count") - number(s->db, "PRAGMA freelist_count");

	return (uint64_t)(pages * number(s->db, "PRAGMA page_size"));
}

/* What is too old goes, then the oldest of each table until the rest fits. */
static int prune(struct store *s, struct wall_time now)
{
	int failed = 0;

	for (size_t i = 0; i < COUNT_OF(prunes) && !failed; i++)
		failed = delete_rows(s, prunes[i].too_old, now.ns - s->limits.age.ns);
	for (int round = 0; round < PRUNE_ROUNDS && !failed && used_bytes(s) > s->limits.bytes; round++)
		for (size_t i = 0; i < COUNT_OF(prunes) && !failed; i++)
			failed = delete_rows(s, prunes[i].oldest, PRUNE_ROWS);
	return failed;
}

int store_end(struct store *s, struct wall_time now, bool keep)
{
	int failed = keep ? prune(s, now) : 0;

	if (!failed)
		failed = run(s->db, keep ? "COMMIT" : "ROLLBACK");
	if (failed)
		run(s->db, "ROLLBACK");
	else
		run(s->db, "PRAGMA incremental_vacuum");
	return failed;
}

static int put(sqlite3_stmt *q)
{
	sqlite3_step(q);
	sqlite3_clear_bindings(q);
	return sqlite_errno(sqlite3_reset(q));
}

int store_log(struct store *s, struct wall_time at, const char *id, struct bytes body)
{
	sqlite3_stmt *q = s->put[PUT_LOG];

	sqlite3_bind_int64(q, 1, at.ns);
	sqlite3_bind_text(q, 2, id, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 3, body.data, (int)body.size, SQLITE_STATIC);
	return put(q);
}

int store_span(struct store *s, const struct store_span *span)
{
	const char *texts[] = { span->trace_id, span->span_id, span->parent_id, span->service, span->name };
	sqlite3_stmt *q = s->put[PUT_SPAN];

	sqlite3_bind_int64(q, 1, (sqlite3_int64)span->start_ns);
	sqlite3_bind_int64(q, 2, (sqlite3_int64)span->end_ns);
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		sqlite3_bind_text(q, (int)i + 3, texts[i], -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 8, span->kind);
	sqlite3_bind_int64(q, 9, span->status);
	sqlite3_bind_text(q, 10, span->details, -1, SQLITE_STATIC);
	return put(q);
}

int store_sample(struct store *s, struct wall_time at, struct bytes series, double value)
{
	sqlite3_stmt *q = s->put[PUT_SAMPLE];

	sqlite3_bind_int64(q, 1, at.ns);
	sqlite3_bind_text(q, 2, series.data, (int)series.size, SQLITE_STATIC);
	sqlite3_bind_double(q, 3, value);
	return put(q);
}
