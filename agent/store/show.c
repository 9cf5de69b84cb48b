#include "store/show.h"

#include <errno.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"

enum { PATH_ROOM = 4096 };

struct shown {
	const char *what;
	const char *sql;
	void (*print)(sqlite3_stmt *, const struct store_show_options *, FILE *);
};

static const char *text(sqlite3_stmt *q, int column)
{
	const unsigned char *t = sqlite3_column_text(q, column);

	return t ? (const char *)t : "";
}

static void print_time(sqlite3_stmt *q, int column, bool colour, FILE *to)
{
	char when[WALL_TEXT_SIZE];

	wall_format((struct wall_time){ sqlite3_column_int64(q, column) }, when);
	fprintf(to, "%s%s%s ", colour ? "\033[2m" : "", when, colour ? "\033[0m" : "");
}

/* Control characters would move a terminal's cursor: they are shown as a question mark. */
static void print_text(const char *t, FILE *to)
{
	for (; *t; t++)
		fputc((unsigned char)*t < 0x20 || *t == 0x7f ? '?' : *t, to);
}

static void print_log(sqlite3_stmt *q, const struct store_show_options *o, FILE *to)
{
	if (!o->json)
		print_time(q, 0, o->colour, to);
	print_text(text(q, 1), to);
	fputc('\n', to);
}

static void print_json(json_t *object, FILE *to)
{
	char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;

	if (line)
		fprintf(to, "%s\n", line);
	free(line);
	json_decref(object);
}

static void print_span(sqlite3_stmt *q, const struct store_show_options *o, FILE *to)
{
	double ms = (double)(sqlite3_column_int64(q, 1) - sqlite3_column_int64(q, 0)) * 1e-6;
	bool failed = sqlite3_column_int(q, 7) == 2;

	if (o->json) {
		print_json(json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:o}", "start_ns",
				   (json_int_t)sqlite3_column_int64(q, 0), "end_ns",
				   (json_int_t)sqlite3_column_int64(q, 1), "trace_id", text(q, 2), "span_id",
				   text(q, 3), "parent_id", text(q, 4), "service", text(q, 5), "name", text(q, 6),
				   "details", json_loads(text(q, 8), 0, NULL)),
			to);
		return;
	}
	print_time(q, 0, o->colour, to);
	fprintf(to, "%-32.32s %-16.16s %10.3f ms  %s", text(q, 2), text(q, 5), ms, *text(q, 4) ? "  " : "");
	fputs(o->colour && failed ? "\033[31m" : "", to);
	print_text(text(q, 6), to);
	fputs(o->colour && failed ? "\033[0m\n" : "\n", to);
}

static void print_sample(sqlite3_stmt *q, const struct store_show_options *o, FILE *to)
{
	if (o->json) {
		print_json(json_pack("{s:I, s:s, s:f}", "at", (json_int_t)sqlite3_column_int64(q, 0), "series",
				   text(q, 1), "value", sqlite3_column_double(q, 2)),
			to);
		return;
	}
	print_time(q, 0, o->colour, to);
	print_text(text(q, 1), to);
	fprintf(to, " %.10g\n", sqlite3_column_double(q, 2));
}

static const struct shown table[] = {
	{ "logs",
		"SELECT * FROM (SELECT at, body, rowid AS n FROM logs ORDER BY at DESC, n DESC LIMIT ?) ORDER BY at, n",
		print_log },
	{ "traces",
		"SELECT * FROM (SELECT start_ns, end_ns, trace_id, span_id, parent_id, service, name, status, details "
		"FROM spans"
		" ORDER BY start_ns DESC LIMIT ?) ORDER BY trace_id, start_ns",
		print_span },
	{ "metrics",
		"SELECT at, series, value FROM samples WHERE at = (SELECT max(at) FROM samples) ORDER BY rowid LIMIT ?",
		print_sample },
};

static int show(sqlite3 *db, const struct shown *s, const struct store_show_options *o, FILE *to)
{
	sqlite3_stmt *q;
	int code = sqlite3_prepare_v2(db, s->sql, -1, &q, NULL);

	if (code == SQLITE_OK) {
		sqlite3_bind_int64(q, 1, (sqlite3_int64)o->limit);
		while ((code = sqlite3_step(q)) == SQLITE_ROW)
			s->print(q, o, to);
		sqlite3_finalize(q);
	}
	if (code != SQLITE_DONE)
		fprintf(stderr, "oxpecker: cannot read the store: %s\n", sqlite3_errmsg(db));
	return code == SQLITE_DONE ? 0 : -EIO;
}

int store_show(const char *folder, const char *what, const struct store_show_options *o, FILE *to)
{
	const struct shown *s = table;
	char name[PATH_ROOM];
	sqlite3 *db = NULL;
	int failed;

	while (s < table + COUNT_OF(table) && strcmp(s->what, what) != 0)
		s++;
	if (s == table + COUNT_OF(table)) {
		fprintf(stderr, "oxpecker: the store holds logs, traces and metrics, not \"%s\"\n", what);
		return -EINVAL;
	}
	snprintf(name, sizeof name, "%s/store.db", folder);
	if (sqlite3_open_v2(name, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
		fprintf(stderr, "oxpecker: no store in %s: has the agent run, with a signal that has no exporter?\n",
			folder);
		sqlite3_close(db);
		return -ENOENT;
	}
	sqlite3_busy_timeout(db, 2000);
	failed = show(db, s, o, to);
	sqlite3_close(db);
	return failed;
}
