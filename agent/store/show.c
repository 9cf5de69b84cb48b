#include "store/show.h"

#include <errno.h>
#include <jansson.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "base/text.h"

enum { PATH_ROOM = 4096, BUSY_MS = 2000, LEVEL_WIDTH = 5, SERVICE_WIDTH = 16, SERIES_WIDTH = 60 };

#define DIM "\033[2m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

struct page {
	FILE *to;
	bool json, colour;
};

struct shown {
	const char *what, *sql;
	void (*print)(sqlite3_stmt *, const struct page *);
};

static const char *text(sqlite3_stmt *q, int column)
{
	const unsigned char *t = sqlite3_column_text(q, column);

	return t ? (const char *)t : "";
}

/* C0, DEL, and C1 as UTF-8 writes it. */
static bool is_control(const unsigned char *t)
{
	return *t < 0x20 || *t == 0x7f || (*t == 0xc2 && t[1] >= 0x80 && t[1] < 0xa0);
}

/* Filled up with spaces to `width` columns, a character counted as one. */
static void print_text(const struct page *p, const char *text, int width)
{
	for (const unsigned char *t = (const unsigned char *)text; *t; t++) {
		bool control = is_control(t);
		fputc(control ? '?' : *t, p->to);
		t += control && *t == 0xc2;
		width -= control || (*t & 0xc0) != 0x80;
	}
	fprintf(p->to, "%*s", width > 0 ? width : 0, "");
}

static void paint(const struct page *p, const char *colour)
{
	if (p->colour && colour)
		fputs(colour, p->to);
}

static void print_painted(const struct page *p, const char *colour, const char *words, int width)
{
	paint(p, colour);
	print_text(p, words, width);
	paint(p, colour ? PLAIN : NULL);
}

static void print_time(sqlite3_stmt *q, int column, const struct page *p)
{
	char when[WALL_TEXT_SIZE];

	wall_format((struct wall_time){ sqlite3_column_int64(q, column) }, when);
	print_painted(p, DIM, when, 0);
	fputc(' ', p->to);
}

static void print_json(json_t *object, const struct page *p)
{
	char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;

	if (line)
		fprintf(p->to, "%s\n", line);
	free(line);
	json_decref(object);
}

/* Logs: level and message by the names that loggers give them, then the rest. */

static const char *const level_names[] = { "level", "severity", "lvl", "log.level", "severityText", NULL };
static const char *const message_names[] = { "message", "msg", "body", "log", NULL };
static const char *const time_names[] = { "time", "timestamp", "@timestamp", "ts", NULL };

static bool is_one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

static const char *member(const json_t *object, const char *const *names)
{
	const char *value = NULL;

	for (; *names && !value; names++)
		value = json_string_value(json_object_get(object, *names));
	return value;
}

/* pino and bunyan write levels as numbers. */
static const char *level_of(const json_t *object)
{
	static const char *const numbered[] = { "trace", "debug", "info", "warn", "error", "fatal" };
	const json_t *level = json_object_get(object, "level");
	json_int_t n = json_integer_value(level);

	if (json_is_integer(level))
		return n >= 10 && n <= 60 ? numbered[n / 10 - 1] : "";
	return member(object, level_names) ? member(object, level_names) : "";
}

static const char *level_colour(const char *level)
{
	static const char letters[] = "efcap"; /* error, fatal, critical, alert and emergency, panic */
	char first = (char)(*level | 0x20);

	if (!*level)
		return NULL;
	return first == 'w' ? YELLOW : first && strchr(letters, first) ? RED : DIM;
}

static void print_rest(const json_t *object, const struct page *p)
{
	const char *name;
	json_t *value;

	paint(p, DIM);
	json_object_foreach((json_t *)object, name, value)
	{
		char *dump;
		if (is_one_of(name, level_names) || is_one_of(name, message_names) || is_one_of(name, time_names))
			continue;
		dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		fputc(' ', p->to);
		print_text(p, name, 0);
		fputc('=', p->to);
		print_text(p, dump ? dump : "", 0);
		free(dump);
	}
	paint(p, PLAIN);
}

static void print_line(sqlite3_stmt *q, const json_t *object, const struct page *p)
{
	const char *level = level_of(object), *message = member(object, message_names);

	print_time(q, 0, p);
	if (!object || !message) {
		print_text(p, text(q, 1), 0);
		return;
	}
	print_painted(p, level_colour(level), level, LEVEL_WIDTH);
	fputc(' ', p->to);
	print_text(p, message, 0);
	print_rest(object, p);
}

/* A line that is no JSON, within an object; bytes that are no UTF-8 become U+FFFD. */
static void print_wrapped(sqlite3_stmt *q, const struct page *p)
{
	const char *body = text(q, 1);
	struct buffer b;

	buffer_init(&b, SIZE_MAX / 2);
	if (json_string_append(&b, body, strlen(body)) == 0)
		fprintf(p->to, "{\"at\":%lld,\"body\":%.*s}", (long long)sqlite3_column_int64(q, 0), (int)b.size,
			b.data);
	buffer_done(&b);
}

static void print_log(sqlite3_stmt *q, const struct page *p)
{
	json_t *object = json_loads(text(q, 1), 0, NULL);

	if (!p->json)
		print_line(q, object, p);
	else if (object)
		print_text(p, text(q, 1), 0); /* as it came */
	else
		print_wrapped(q, p);
	fputc('\n', p->to);
	json_decref(object);
}

static json_t *span_object(sqlite3_stmt *q)
{
	json_t *details = json_loads(text(q, 8), 0, NULL);

	return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:o}", "start_ns", (json_int_t)sqlite3_column_int64(q, 0),
		"end_ns", (json_int_t)sqlite3_column_int64(q, 1), "trace_id", text(q, 2), "span_id", text(q, 3),
		"parent_id", text(q, 4), "service", text(q, 5), "name", text(q, 6), "details",
		details ? details : json_null());
}

static void print_span(sqlite3_stmt *q, const struct page *p)
{
	double ms = (double)(sqlite3_column_int64(q, 1) - sqlite3_column_int64(q, 0)) * 1e-6;
	bool failed = sqlite3_column_int(q, 7) == 2;

	if (p->json) {
		print_json(span_object(q), p);
		return;
	}
	print_time(q, 0, p);
	print_painted(p, DIM, text(q, 2), 32);
	fputc(' ', p->to);
	print_text(p, text(q, 5), SERVICE_WIDTH);
	fprintf(p->to, " %10.3f ms %s", ms, *text(q, 4) ? "  " : "");
	print_painted(p, failed ? RED : NULL, text(q, 6), 0);
	fputs(failed ? " (error)\n" : "\n", p->to);
}

/* SQLite keeps NaN as NULL; the words are those of the exposition. */
static const char *special(sqlite3_stmt *q, int column)
{
	double value = sqlite3_column_double(q, column);

	if (sqlite3_column_type(q, column) == SQLITE_NULL)
		return "NaN";
	return value - value == 0 ? NULL : value > 0 ? "+Inf" : "-Inf";
}

/* JSON has no number for NaN and infinity. */
static json_t *sample_object(sqlite3_stmt *q)
{
	const char *words = special(q, 2);

	return json_pack("{s:I, s:s, s:o}", "at", (json_int_t)sqlite3_column_int64(q, 0), "series", text(q, 1), "value",
		words ? json_string(words) : json_real(sqlite3_column_double(q, 2)));
}

static void print_sample(sqlite3_stmt *q, const struct page *p)
{
	const char *words = special(q, 2);

	if (p->json) {
		print_json(sample_object(q), p);
		return;
	}
	print_time(q, 0, p);
	print_text(p, text(q, 1), SERIES_WIDTH);
	if (words)
		fprintf(p->to, " %s\n", words);
	else
		fprintf(p->to, " %.10g\n", sqlite3_column_double(q, 2));
}

static const struct shown table[] = {
	{ "logs",
		"SELECT * FROM (SELECT at, body, rowid AS n FROM logs WHERE at >= ?2 ORDER BY at DESC, n DESC LIMIT ?1)"
		" ORDER BY at, n",
		print_log },
	/* A trace stays together, at the place of its first span. */
	{ "traces",
		"SELECT start_ns, end_ns, trace_id, span_id, parent_id, service, name, status, details FROM"
		" (SELECT * FROM spans WHERE start_ns >= ?2 ORDER BY start_ns DESC LIMIT ?1)"
		" ORDER BY min(start_ns) OVER (PARTITION BY trace_id), trace_id, start_ns, span_id",
		print_span },
	{ "metrics",
		"SELECT at, series, value FROM samples WHERE at = (SELECT max(at) FROM samples) AND at >= ?2"
		" ORDER BY rowid LIMIT ?1",
		print_sample },
};

static int show(sqlite3 *db, const struct shown *s, const struct store_show_options *o, const struct page *p)
{
	sqlite3_stmt *q;
	int code = sqlite3_prepare_v2(db, s->sql, -1, &q, NULL);
	bool none = true;

	if (code == SQLITE_OK) {
		sqlite3_bind_int64(q, 1, o->limit < INT64_MAX ? (sqlite3_int64)o->limit : INT64_MAX);
		sqlite3_bind_int64(q, 2, o->since.ns);
		for (; (code = sqlite3_step(q)) == SQLITE_ROW; none = false)
			s->print(q, p);
		sqlite3_finalize(q);
	}
	if (code != SQLITE_DONE)
		fprintf(stderr, "oxpecker: cannot read the store: %s\n", sqlite3_errmsg(db));
	else if (none)
		fprintf(stderr, "oxpecker: no %s in the store; a signal that has an exporter goes there instead\n",
			s->what);
	return code == SQLITE_DONE ? 0 : -EIO;
}

static const struct shown *find(const char *what)
{
	for (size_t i = 0; i < COUNT_OF(table); i++)
		if (strcmp(table[i].what, what) == 0)
			return &table[i];
	fprintf(stderr, "oxpecker: the store holds logs, traces and metrics, not \"%s\"\n", what);
	return NULL;
}

static int open_readonly(const char *folder, sqlite3 **ret)
{
	char name[PATH_ROOM];
	struct path_folder at;
	int code = SQLITE_CANTOPEN, failed = path_folder_open(folder, false, &at);

	path_folder_close(&at);
	if (!failed && (size_t)snprintf(name, sizeof name, "%s/store.db", at.name) < sizeof name)
		code = sqlite3_open_v2(name, ret, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, NULL);
	if (code == SQLITE_OK) {
		sqlite3_busy_timeout(*ret, BUSY_MS);
		return 0;
	}
	fprintf(stderr, "oxpecker: no store in %s: has the agent run, with a signal that has no exporter?\n", folder);
	return -ENOENT;
}

int store_show(const char *folder, const char *what, const struct store_show_options *o, FILE *to)
{
	bool terminal = isatty(fileno(to)) && !getenv("NO_COLOR");
	const struct page page = { .to = to, .json = o->json, .colour = !o->json && (o->colour || terminal) };
	const struct shown *s = find(what);
	sqlite3 *db = NULL;
	int failed = s ? open_readonly(folder, &db) : -EINVAL;

	if (!failed)
		failed = show(db, s, o, &page);
	sqlite3_close(db);
	return failed;
}
