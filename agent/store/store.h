/*
 * The embedded store: keeps signals without an exporter, so that the agent is useful without a backend.
 *
 * store.db in the state folder, SQLite in WAL mode, read by `oxpecker show` in another process and by sqlite3 by
 * hand: logs, spans and samples, and for each a view with readable times (logs_readable …). Bounded in age and in
 * bytes, WAL included except for the transaction under way; the row of all tables that came first is deleted first. A
 * damaged file is set aside (store.db.corrupt-N), and a new one is made. Everything except opening is called in the
 * disk lane.
 */
#ifndef OXP_STORE_H
#define OXP_STORE_H

#include "base/bytes.h"
#include "base/clock.h"

enum { STORE_VERSION = 2 }; /* of store.db; it is the user_version in the schema, too */

struct store;

struct store_limits {
	uint64_t bytes;
	struct duration age;
};

/* 0, or -errno with one sentence in `why`: -EPROTO if a newer version wrote it. */
int store_open(const char *folder, const struct store_limits *, struct store **ret, char *why, size_t room) MUST_CHECK;
void store_close(struct store *); /* NULL is fine */
/* The process ends: what waits for a lock that others hold waits no more, and fails. From any thread; NULL is fine. */
void store_hurry(struct store *);
uint32_t store_id(const struct store *); /* born with the file, never 0 */

/* Rows between begin and end are one transaction. Each returns 0 or -errno; end() also deletes rows that are too old or
 * too many. After -EBADMSG the next begin() makes a new file. -ESTALE: the file's name does not lead to it any more, so
 * nothing is written. */
int store_begin(struct store *) MUST_CHECK;
int store_end(struct store *, struct wall_time now, bool commit) MUST_CHECK;
/* In these three, `at` is the time now. `body` is the line as it came. Lines with the same id are one line, which is
 * kept once. */
int store_log(struct store *, struct wall_time at, const char *id, struct bytes body) MUST_CHECK;

struct store_span {
	const char *trace_id, *span_id, *parent_id, *service, *name, *details; /* details: JSON */
	unsigned kind, status;
	uint64_t start_ns, end_ns;
};
/* Spans with the same ids are one span. 0 or -errno. */
int store_span(struct store *, struct wall_time at, const struct store_span *) MUST_CHECK;
/* `series` is name{labels}. 0 or -errno. */
int store_sample(struct store *, struct wall_time at, struct bytes series, double value) MUST_CHECK;

#endif
