#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "store/show_inner.h"

enum { LEVEL_WIDTH = 5, SERVICE_WIDTH = 16, SERIES_WIDTH = 60, EXCEPTIONS_MAX = 8 };

#define DIM "\033[2m"
#define RED "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

static const char *text(sqlite3_stmt *q, int column)
{
	const unsigned char *t = sqlite3_column_text(q, column);

	return t ? (const char *)t : "";
}

/* Filled up with spaces to `width` columns, a character counted as one. */
static void print_text(const struct page *p, const char *words, int width)
{
	width -= (int)text_put(p->to, bytes_of(words));
	fprintf(p->to, "%*s", width > 0 ? width : 0, "");
}

static void print_json_text(const struct page *p, const char *json)
{
	text_put_json(p->to, bytes_of(json), false);
	fputc('\n', p->to);
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
		print_json_text(p, line);
	free(line);
	json_decref(object);
}

/* Logs: level and message by the names that loggers give them, then the rest. */

static const char *const level_names[] = { "level", "severity", "lvl", "log.level", "severityText",
	"oxpecker.syslog.severity.name", NULL };
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
	json_object_foreach((json_t *)object, name, value) {
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

/* A line that is not JSON, inside an object; bytes that are not UTF-8 become U+FFFD. */
static void print_wrapped(sqlite3_stmt *q, const struct page *p)
{
	struct json_writer w;
	struct buffer b;

	buffer_init(&b, SIZE_MAX / 2);
	json_writer_init(&w, &b);
	json_put_object(&w, NULL);
	json_put_i64(&w, "at", sqlite3_column_int64(q, 0));
	json_put_string(&w, "body", text(q, 1));
	json_put_end(&w);
	if (json_writer_done(&w) == 0 && buffer_append(&b, "", 1) == 0)
		print_json_text(p, b.data);
	buffer_done(&b);
}

void show_print_log(sqlite3_stmt *q, const struct page *p)
{
	json_t *object = json_loads(text(q, 1), 0, NULL);

	if (p->json && object)
		print_json_text(p, text(q, 1)); /* as it came */
	else if (p->json)
		print_wrapped(q, p);
	else
		print_line(q, object, p);
	if (!p->json)
		fputc('\n', p->to);
	json_decref(object);
}

/* Spans: what failed says why. */

static json_t *span_object(sqlite3_stmt *q)
{
	json_t *details = json_loads(text(q, 8), 0, NULL);

	return json_pack("{s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:o}", "start_ns", (json_int_t)sqlite3_column_int64(q, 0),
		"end_ns", (json_int_t)sqlite3_column_int64(q, 1), "trace_id", text(q, 2), "span_id", text(q, 3),
		"parent_id", text(q, 4), "service", text(q, 5), "name", text(q, 6), "details",
		details ? details : json_null());
}

/* The text of an attribute in OTLP/JSON, or "". */
static const char *attribute(const json_t *owner, const char *name)
{
	const json_t *one;
	const char *value;
	size_t i;

	json_array_foreach(json_object_get(owner, "attributes"), i, one) {
		value = json_string_value(json_object_get(one, "key"));
		if (value && strcmp(value, name) == 0) {
			value = json_string_value(json_object_get(json_object_get(one, "value"), "stringValue"));
			return value ? value : "";
		}
	}
	return "";
}

/* Up to its first line end, on a line of its own. */
static void print_reason(const struct page *p, const char *kind, const char *what, const char *words)
{
	const struct bytes first = { words, strcspn(words, "\r\n") };

	fprintf(p->to, "    ");
	paint(p, RED);
	fputs(kind, p->to);
	print_text(p, what, 0);
	fputs(*what && first.size > 0 ? ": " : "", p->to);
	text_put(p->to, first);
	paint(p, PLAIN);
	fputc('\n', p->to);
}

static void print_reasons(const struct page *p, const json_t *details, bool failed)
{
	const char *message = json_string_value(json_object_get(json_object_get(details, "status"), "message"));
	const json_t *event;
	size_t i, exceptions = 0;

	if (failed && message && *message)
		print_reason(p, "error: ", "", message);
	json_array_foreach(json_object_get(details, "events"), i, event) {
		const char *type = attribute(event, "exception.type"), *words = attribute(event, "exception.message");
		if ((*type || *words) && exceptions++ < EXCEPTIONS_MAX)
			print_reason(p, "exception: ", type, words);
	}
}

/* Apps send any two numbers. */
static double milliseconds(int64_t start, int64_t end)
{
	int64_t ns;

	return __builtin_sub_overflow(end, start, &ns) ? ((double)end - (double)start) * 1e-6 : (double)ns * 1e-6;
}

void show_print_span(sqlite3_stmt *q, const struct page *p)
{
	double ms = milliseconds(sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1));
	bool failed = sqlite3_column_int(q, 7) == 2;
	json_t *details;

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
	details = json_loads(text(q, 8), 0, NULL);
	print_reasons(p, details, failed);
	json_decref(details);
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

void show_print_sample(sqlite3_stmt *q, const struct page *p)
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
