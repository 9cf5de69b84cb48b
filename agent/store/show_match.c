#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/log_level.h"
#include "proto/log_time.h"
#include "store/show_inner.h"

enum { LINE_MAX_BYTES = 64 << 20 };

struct show_match {
	struct json_edit *edit;
	struct buffer line; /* with the padding that the index wants */
};

/* The indexed line, or NULL if it is not a JSON object. */
static const struct json_edit *index_line(struct show_match *m, sqlite3_value *body)
{
	static const char padding[JSON_LINE_PADDING];
	size_t size = (size_t)sqlite3_value_bytes(body);

	buffer_clear(&m->line);
	if (buffer_append(&m->line, (const char *)sqlite3_value_text(body), size) ||
		buffer_append(&m->line, padding, sizeof padding) ||
		json_edit_begin(m->edit, (struct bytes){ m->line.data, size }) != JSON_FINE)
		return NULL;
	return m->edit;
}

static void own_time(sqlite3_context *c, int count, sqlite3_value **values)
{
	const struct json_edit *e = index_line(sqlite3_user_data(c), values[0]);
	struct rfc3339 t;

	(void)count;
	if (e && log_time_of_line(e->scan, e->text.data, &e->line, &t) >= 0 && t.seconds < INT64_MAX / 1000000000 &&
		t.seconds > 0)
		sqlite3_result_int64(c, t.seconds * 1000000000 + t.nanos);
	else
		sqlite3_result_value(c, values[1]);
}

static void severity(sqlite3_context *c, int count, sqlite3_value **values)
{
	const struct json_edit *e = index_line(sqlite3_user_data(c), values[0]);

	(void)count;
	sqlite3_result_int(c, e ? (int)severity_of_line(e) : SEVERITY_UNKNOWN);
}

/* The text under "a.b": as a name with a dot, or as b within a. */
static const char *text_at(const json_t *object, const char *outer, const char *inner)
{
	char dotted[64];
	const char *found;

	if (!inner)
		return json_string_value(json_object_get(object, outer));
	snprintf(dotted, sizeof dotted, "%s.%s", outer, inner);
	found = json_string_value(json_object_get(object, dotted));
	return found ? found : json_string_value(json_object_get(json_object_get(object, outer), inner));
}

static void of_service(sqlite3_context *c, int count, sqlite3_value **values)
{
	static const char *const names[][2] = { { "service", "name" }, { "service", NULL }, { "service_name", NULL },
		{ "serviceName", NULL } };
	json_t *line = json_loads((const char *)sqlite3_value_text(values[0]), 0, NULL);
	const char *wanted = (const char *)sqlite3_value_text(values[1]), *found = NULL;

	(void)count;
	for (size_t i = 0; i < COUNT_OF(names) && !found; i++)
		found = text_at(line, names[i][0], names[i][1]);
	sqlite3_result_int(c, found && strcmp(found, wanted) == 0);
	json_decref(line);
}

static void of_trace(sqlite3_context *c, int count, sqlite3_value **values)
{
	static const char *const names[][2] = { { "trace", "id" }, { "trace_id", NULL }, { "traceId", NULL },
		{ "traceID", NULL }, { "dd", "trace_id" } };
	json_t *line = json_loads((const char *)sqlite3_value_text(values[0]), 0, NULL);
	const char *wanted = (const char *)sqlite3_value_text(values[1]), *found = NULL;

	(void)count;
	for (size_t i = 0; i < COUNT_OF(names) && !found; i++)
		found = text_at(line, names[i][0], names[i][1]);
	sqlite3_result_int(c, found && strncasecmp(found, wanted, strlen(wanted)) == 0);
	json_decref(line);
}

struct show_match *show_match_new(sqlite3 *db)
{
	static const struct {
		const char *name;
		int count;
		void (*call)(sqlite3_context *, int, sqlite3_value **);
	} functions[] = { { "own_time", 2, own_time }, { "severity", 1, severity }, { "of_service", 2, of_service },
		{ "of_trace", 2, of_trace } };
	struct show_match *m = oxp_new(sizeof *m);

	m->edit = json_edit_new(json_scan_best(), 0);
	buffer_init(&m->line, LINE_MAX_BYTES);
	for (size_t i = 0; i < COUNT_OF(functions); i++)
		if (sqlite3_create_function(db, functions[i].name, functions[i].count, SQLITE_UTF8, m,
			    functions[i].call, NULL, NULL) != SQLITE_OK) {
			show_match_free(m);
			return NULL;
		}
	return m;
}

void show_match_free(struct show_match *m)
{
	if (!m)
		return;
	json_edit_free(m->edit);
	buffer_done(&m->line);
	free(m);
}
