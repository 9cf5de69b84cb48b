#include "store/show.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "base/strange_db.h"
#include "base/text.h"
#include "store/show_inner.h"
#include "store/store.h"

enum {
	PATH_ROOM = 4096,
	BUSY_MS = 2000,
	LOOK_MS = 250, /* between two queries for new rows */
	LATE_S = 600, /* spans that are followed were stored no longer ago */
	ROWS_AT_ONCE = 1000, /* new rows in one query; the rest comes with the next */
	VALUE_MAX = 128 << 20, /* bytes: no line or span that came in is as large */
};

/* What is asked for: which rows, whose keys go into `picked`, and then each of these by its number there. So no more
 * than one row is in memory, however many there are and however large apps made them: this runs beside the agent, in
 * its container. Parameters are named, and those that a query does not name are not for it. */
static const struct shown {
	const char *what;
	unsigned kind;
	const char *pick, *row;
	void (*print)(sqlite3_stmt *, const struct page *);
	const char *newest; /* the number of the newest row; NULL: rows have none */
} table[] = {
	{ "logs", SHOW_LOGS,
		"INSERT INTO picked SELECT n, NULL FROM (SELECT own_time(body, at) AS own, rowid AS n FROM logs"
		" WHERE rowid > :after AND rowid <= :until AND at >= :since - 3600000000000 AND (:since = 0 OR "
		"own_time(body, at) >= :since)"
		" AND (:grep IS NULL OR instr(body, :grep)) AND (:level = 0 OR severity(body) >= :level)"
		" AND (:service IS NULL OR of_service(body, :service)) AND (:trace IS NULL OR of_trace(body, :trace))"
		" ORDER BY at DESC, n DESC LIMIT :limit) ORDER BY own, n",
		"SELECT own_time(body, at), body FROM logs WHERE rowid = (SELECT a FROM picked WHERE rowid = :row)",
		show_print_log, "SELECT max(rowid) FROM logs" },
	/* A trace stays together, where its first span is. */
	{ "traces", SHOW_TRACES,
		"INSERT INTO picked SELECT trace_id, span_id FROM"
		" (SELECT start_ns, trace_id, span_id FROM spans WHERE at >= :since AND (:service IS NULL OR "
		"service = :service)"
		" AND (:trace IS NULL OR substr(trace_id, 1, length(:trace)) = lower(:trace))"
		" AND (:grep IS NULL OR instr(name, :grep) OR instr(service, :grep) OR instr(details, :grep))"
		" AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.trace_id = spans.trace_id AND seen.span_id = "
		"spans.span_id)"
		" ORDER BY at DESC, start_ns DESC LIMIT :limit)"
		" ORDER BY min(start_ns) OVER (PARTITION BY trace_id), trace_id, start_ns, span_id",
		"SELECT start_ns, end_ns, trace_id, span_id, parent_id, service, name, status, details FROM spans"
		" WHERE (trace_id, span_id) = (SELECT a, b FROM picked WHERE rowid = :row)",
		show_print_span, NULL },
	{ "metrics", SHOW_METRICS,
		"INSERT INTO picked SELECT n, NULL FROM (SELECT at, rowid AS n FROM samples"
		" WHERE at >= CASE WHEN :since > 0 OR :after > 0 THEN :since ELSE (SELECT max(at) FROM samples) END"
		" AND rowid > :after AND rowid <= :until AND (:grep IS NULL OR instr(series, :grep))"
		" ORDER BY at DESC, n LIMIT :limit) ORDER BY at, n",
		"SELECT at, series, value FROM samples WHERE rowid = (SELECT a FROM picked WHERE rowid = :row)",
		show_print_sample, "SELECT max(rowid) FROM samples" },
};

struct show {
	sqlite3 *db;
	const struct shown *shown;
	const struct store_show_options *o;
	struct page page;
	int64_t after; /* rows up to this number were looked at */
	int64_t version; /* of the database then */
	uint64_t printed; /* by the latest query */
	bool behind; /* there are more that came */
};

static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *q;
	int64_t value = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
		value = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return value;
}

static void bind_number(sqlite3_stmt *q, const char *name, int64_t value)
{
	int i = sqlite3_bind_parameter_index(q, name);

	if (i)
		sqlite3_bind_int64(q, i, value);
}

static void bind_text(sqlite3_stmt *q, const char *name, const char *value)
{
	int i = sqlite3_bind_parameter_index(q, name);

	if (i && value)
		sqlite3_bind_text(q, i, value, -1, SQLITE_STATIC);
}

/* Their keys, in the order in which they are printed. */
static int pick_rows(struct show *s, uint64_t limit, int64_t until)
{
	sqlite3_stmt *q;
	int code = sqlite3_exec(s->db, "DELETE FROM picked", NULL, NULL, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(s->db, s->shown->pick, -1, &q, NULL);
	if (code != SQLITE_OK)
		return code;
	bind_number(q, ":limit", limit < INT64_MAX ? (int64_t)limit : INT64_MAX);
	bind_number(q, ":since", s->o->since.ns);
	bind_number(q, ":after", s->after);
	bind_number(q, ":until", until);
	bind_number(q, ":level", s->o->level);
	bind_text(q, ":grep", s->o->grep);
	bind_text(q, ":service", s->o->service);
	bind_text(q, ":trace", s->o->trace);
	code = sqlite3_step(q);
	sqlite3_finalize(q);
	return code;
}

/* What is printed is collected in memory and written once the query has ended: a pager that does not move must not hold
 * a snapshot, which would keep the agent's WAL from being cut. */
static int print_row(struct show *s, sqlite3_stmt *q, int64_t row)
{
	FILE *to = s->page.to;
	char *text = NULL;
	size_t size = 0;
	int code;

	s->page.to = open_memstream(&text, &size);
	OXP_ASSERT(s->page.to && "out of memory");
	bind_number(q, ":row", row);
	code = sqlite3_step(q);
	if (code == SQLITE_ROW) {
		s->shown->print(q, &s->page);
		s->printed++;
	}
	code = sqlite3_reset(q);
	fclose(s->page.to);
	s->page.to = to;
	fwrite(text, 1, size, to);
	free(text);
	return code;
}

/* A row that the agent has thrown out meanwhile is left out. */
static int print_rows(struct show *s)
{
	int64_t count = number(s->db, "SELECT max(rowid) FROM picked");
	sqlite3_stmt *q;
	int code = sqlite3_prepare_v2(s->db, s->shown->row, -1, &q, NULL);

	s->printed = 0;
	for (int64_t i = 1; i <= count && code == SQLITE_OK && !ferror(s->page.to); i++)
		code = print_row(s, q, i);
	sqlite3_finalize(q);
	return code;
}

/* Spans have no number that grows: those that were there are remembered while they are young. */
static int remember_spans(struct show *s)
{
	char sql[300];
	int64_t oldest = clock_system.wall(&clock_system).ns - DURATION_S(LATE_S).ns;

	snprintf(sql, sizeof sql,
		"DELETE FROM seen WHERE at < %lld;"
		"INSERT OR IGNORE INTO seen SELECT trace_id, span_id, at FROM spans WHERE at >= %lld",
		(long long)oldest, (long long)oldest);
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL);
}

/* Sees the database as it is at one moment. Up to `most` numbers on from the look before. */
static int pick(struct show *s, uint64_t limit, int64_t most)
{
	int code = sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL);
	int64_t newest = s->shown->newest ? number(s->db, s->shown->newest) : 0, until;

	if (newest < s->after)
		s->after = 0; /* the table was emptied, and numbers begin anew */
	until = newest - s->after > most ? s->after + most : newest;
	s->behind = until < newest;
	if (code == SQLITE_OK)
		code = pick_rows(s, limit, until);
	s->after = until;
	if (code == SQLITE_DONE && s->o->follow && !s->shown->newest)
		code = remember_spans(s) == SQLITE_OK ? SQLITE_DONE : SQLITE_ERROR;
	if (code != SQLITE_DONE)
		fprintf(stderr, "oxpecker: cannot read the store: %s\n", sqlite3_errmsg(s->db));
	sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
	return code;
}

static int look(struct show *s, uint64_t limit, int64_t most)
{
	int code = pick(s, limit, most);

	if (code != SQLITE_DONE)
		return code;
	code = print_rows(s);
	if (code != SQLITE_OK)
		fprintf(stderr, "oxpecker: cannot read the store: %s\n", sqlite3_errmsg(s->db));
	return code == SQLITE_OK ? SQLITE_DONE : code;
}

/* Whether somebody still reads the output. */
static bool wait_a_while(const struct show *s)
{
	struct pollfd out = { .fd = fileno(s->page.to) };

	if (fflush(s->page.to) != 0)
		return false;
	return poll(&out, 1, s->behind ? 0 : LOOK_MS) <= 0 || !(out.revents & (POLLERR | POLLHUP));
}

static int follow(struct show *s)
{
	const struct store_show_options *asked = s->o;
	struct store_show_options since = *asked;
	int code = SQLITE_DONE;

	since.since.ns = s->shown->newest ? 0 : clock_system.wall(&clock_system).ns - DURATION_S(LATE_S).ns;
	s->o = &since;
	while (code == SQLITE_DONE && wait_a_while(s)) {
		int64_t version = number(s->db, "PRAGMA data_version");
		if (version == s->version && !s->behind)
			continue;
		s->version = version;
		if (!s->shown->newest)
			since.since.ns = clock_system.wall(&clock_system).ns - DURATION_S(LATE_S).ns;
		code = look(s, UINT64_MAX, ROWS_AT_ONCE);
	}
	s->o = asked;
	return code;
}

static bool asks_for_some(const struct store_show_options *o)
{
	return o->grep || o->service || o->trace || o->level || o->since.ns > 0 || o->limit == 0;
}

static int show(struct show *s)
{
	const struct store_show_options *o = s->o;
	int code;

	s->version = number(s->db, "PRAGMA data_version");
	code = look(s, o->limit, INT64_MAX);
	if (code == SQLITE_DONE && o->follow)
		code = follow(s);
	else if (code == SQLITE_DONE && s->printed == 0)
		fprintf(stderr, "oxpecker: no %s in the store%s\n", s->shown->what,
			asks_for_some(o) ? " match" : "; a signal that has an exporter is not in the store");
	else if (code == SQLITE_DONE && s->printed == o->limit)
		fprintf(stderr, "oxpecker: the newest %llu; --limit N shows more\n", (unsigned long long)o->limit);
	return code == SQLITE_DONE ? 0 : -EIO;
}

static const struct shown *find(const char *what)
{
	for (size_t i = 0; i < COUNT_OF(table); i++)
		if (strcmp(table[i].what, what) == 0)
			return &table[i];
	return NULL;
}

unsigned store_show_kind(const char *what)
{
	const struct shown *s = find(what);

	return s ? s->kind : 0;
}

/* SQLite opens whatever has the name: a FIFO without a writer would hold us for ever. */
static bool is_file(const struct path_folder *at)
{
	struct stat info;

	return fstatat(at->fd, "store.db", &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode);
}

static int open_readonly(const char *folder, sqlite3 **ret)
{
	char name[PATH_ROOM];
	struct path_folder at;
	int code = SQLITE_CANTOPEN, failed = path_folder_open(folder, false, &at);

	if (!failed && !is_file(&at))
		failed = -EINVAL;
	path_folder_close(&at);
	if (!failed && (size_t)snprintf(name, sizeof name, "%s/store.db", at.name) < sizeof name)
		code = sqlite3_open_v2(name, ret, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL);
	if (code == SQLITE_OK && strange_db_guard(*ret, VALUE_MAX) < 0)
		code = SQLITE_ERROR;
	if (code == SQLITE_OK)
		sqlite3_busy_timeout(*ret, BUSY_MS);
	if (code == SQLITE_OK)
		code = sqlite3_exec(*ret,
			"PRAGMA temp_store=MEMORY; CREATE TEMP TABLE picked (a, b); CREATE TEMP TABLE seen"
			" (trace_id TEXT, span_id TEXT, at INTEGER, PRIMARY KEY (trace_id, span_id)) "
			"WITHOUT ROWID",
			NULL, NULL, NULL);
	if (code == SQLITE_OK)
		return 0;
	fprintf(stderr,
		"oxpecker: no store in %s; the agent makes it there if a signal has no exporter\n"
		"  Is `state` the same in its configuration (--config FILE)?\n",
		folder);
	return -ENOENT;
}

/* An agent takes an older file over when it starts; logs and metrics have been the same since version 1. */
static int check_version(const struct show *s, const char *folder)
{
	int64_t version = number(s->db, "PRAGMA user_version");

	if (version > STORE_VERSION)
		fprintf(stderr,
			"oxpecker: %s/store.db has version %lld of its format, expected at most %d: a later oxpecker "
			"made it, which can show it\n",
			folder, (long long)version, STORE_VERSION);
	else if (version == 1 && s->shown->kind == SHOW_TRACES)
		fprintf(stderr,
			"oxpecker: the spans in %s/store.db are those of an earlier oxpecker, which did not store when "
			"they came, and cannot be shown\n"
			"  Start the agent: it makes a new table, and spans that come from then on are shown.\n",
			folder);
	else
		return 0;
	return -EPROTO;
}

int store_show(const char *folder, const char *what, const struct store_show_options *o, FILE *to)
{
	bool terminal = isatty(fileno(to)) && !getenv("NO_COLOR");
	struct show s = { .shown = find(what), .o = o };
	struct show_match *match = NULL;
	int failed;

	s.page = (struct page){ .to = to, .json = o->json, .colour = !o->json && (o->colour || terminal) };
	if (!s.shown) {
		fprintf(stderr, "oxpecker: the store holds logs, traces and metrics, not \"%s\"\n", what);
		return -EINVAL;
	}
	failed = open_readonly(folder, &s.db);
	if (!failed)
		failed = check_version(&s, folder);
	if (!failed && !(match = show_match_new(s.db)))
		failed = -ENOMEM;
	if (!failed)
		failed = show(&s);
	sqlite3_close(s.db);
	show_match_free(match);
	return failed;
}
