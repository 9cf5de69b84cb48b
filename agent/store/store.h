/*
 * The embedded store: what a signal without an exporter is kept in, so that the agent is useful with nothing else
 * there.
 *
 * store.db in the state folder, SQLite in WAL mode, read by `oxpecker show` in another process and by sqlite3 by
 * hand: logs, spans and samples, and for each a view with readable times (logs_readable …). Bounded in age and in
 * bytes, WAL included but for the transaction under way; the oldest row of all tables goes first. A file that turns out
 * damaged is set aside (store.db.corrupt-N) and a new one begun. Everything but opening is called in the disk lane.
 */
#ifndef OXP_STORE_H
#define OXP_STORE_H

#include "base/bytes.h"
#include "base/clock.h"

struct store;

struct store_limits {
	uint64_t bytes;
	struct duration age;
};

/* 0 or -errno, with one sentence in `why`: -EPROTO when a newer version wrote it. */
int store_open(const char *folder, const struct store_limits *, struct store **ret, char *why, size_t room) MUST_CHECK;
void store_close(struct store *); /* NULL is fine */
uint32_t store_id(const struct store *); /* born with the file, never 0 */

/* Rows between begin and end are one transaction. Each answers 0 or -errno; end() also throws out what is too old or
 * too much. After -EBADMSG the next begin() has a new file. */
int store_begin(struct store *) MUST_CHECK;
int store_end(struct store *, struct wall_time now, bool keep) MUST_CHECK;
/* `body` is the line as it came. A row with the same id is the same line: it is kept once. */
int store_log(struct store *, struct wall_time at, const char *id, struct bytes body) MUST_CHECK;

/* A span with ids that are there already is the same span. */
struct store_span {
	const char *trace_id, *span_id, *parent_id, *service, *name, *details; /* details: JSON */
	unsigned kind, status;
	uint64_t start_ns, end_ns;
};
int store_span(struct store *, const struct store_span *) MUST_CHECK;
/* `series` is name{labels}. */
int store_sample(struct store *, struct wall_time at, struct bytes series, double value) MUST_CHECK;

#endif
