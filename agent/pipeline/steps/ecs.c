/*
 * The step `ecs`: renames what every logger writes to the names of the Elastic Common Schema (ECS 8, "Base", "Log",
 * "Error", "Tracing", "Process" and "Host" fields), so that one dashboard reads all of it.
 *
 * Members are renamed in place. A value changes only if the schema wants another one: a time that is not RFC 3339 with
 * an offset becomes one, with all the digits it has, and a level that is a number becomes its word. If a line already
 * has the name of the schema, however it is spelt, both members stay as they are. An @timestamp that holds no time
 * gives way to the time.
 */
#include <stdlib.h>

#include "config/option.h"
#include "pipeline/step.h"
#include "proto/log_level.h"
#include "proto/log_time.h"

struct ecs_config {
	bool version;
};

struct step {
	bool version;
};

static const struct option rows[] = {
	{ OPT_BOOL(struct ecs_config, version), .name = "version", .text = "true",
		.help = "Adds ecs.version to each line." },
	{ .name = NULL },
};

enum { STRINGS = 1 << MEMBER_STRING, NUMBERS = 1 << MEMBER_NUMBER, OBJECTS = 1 << MEMBER_OBJECT };

/* What loggers write besides time and level. A value whose kind is not in `kinds` means something else. */
static const struct {
	const char *from, *to;
	unsigned kinds;
} fields[] = {
	{ "msg", "message", STRINGS },
	{ "event", "message", STRINGS }, /* structlog; the schema's own event is an object */
	{ "trace_id", "trace.id", STRINGS },
	{ "traceId", "trace.id", STRINGS },
	{ "traceID", "trace.id", STRINGS },
	{ "span_id", "span.id", STRINGS },
	{ "spanId", "span.id", STRINGS },
	{ "spanID", "span.id", STRINGS },
	{ "logger", "log.logger", STRINGS },
	{ "logger_name", "log.logger", STRINGS },
	{ "loggerName", "log.logger", STRINGS },
	{ "stack", "error.stack_trace", STRINGS },
	{ "stacktrace", "error.stack_trace", STRINGS },
	{ "stack_trace", "error.stack_trace", STRINGS },
	{ "exc_info", "error.stack_trace", STRINGS },
	{ "exception", "error.stack_trace", STRINGS },
	{ "error", "error.message", STRINGS },
	{ "err", "error.message", STRINGS },
	{ "err", "error", OBJECTS },
	{ "hostname", "host.hostname", STRINGS },
	{ "pid", "process.pid", NUMBERS },
	{ "thread", "process.thread.name", STRINGS },
	{ "threadName", "process.thread.name", STRINGS },
	{ "thread_name", "process.thread.name", STRINGS },
	{ "oxpecker.syslog.priority", "log.syslog.priority", NUMBERS }, /* ours (proto/syslog_write.c) */
	{ "oxpecker.syslog.severity.code", "log.syslog.severity.code", NUMBERS },
	{ "oxpecker.syslog.facility.name", "log.syslog.facility.name", STRINGS },
	{ "oxpecker.syslog.hostname", "log.syslog.hostname", STRINGS },
	{ "oxpecker.syslog.appname", "log.syslog.appname", STRINGS },
	{ "oxpecker.syslog.procid", "log.syslog.procid", STRINGS },
	{ "oxpecker.syslog.msgid", "log.syslog.msgid", STRINGS },
	{ "oxpecker.syslog.structured_data", "log.syslog.structured_data", OBJECTS },
	{ "oxpecker.path", "log.file.path", STRINGS }, /* ours (collectors/lines.h); `log` is an object here anyway */
	{ "oxpecker.offset", "log.offset", NUMBERS },
};

static int create(const void *config, struct host *host, struct step **ret)
{
	(void)host;
	*ret = oxp_new(sizeof **ret);
	(*ret)->version = ((const struct ecs_config *)config)->version;
	return 0;
}

/* Whether member i, or a new one (-1), may take the name. "log": {…} may stand beside "log.level": to readers that take
 * dots as levels, these are two members of one object. "log": "x" may not. */
static bool is_free(struct json_edit *e, const char *name, int i)
{
	return json_edit_presence(e, bytes_of(name), i) <= JSON_BESIDE;
}

static char *put(char *to, const char *text, size_t size)
{
	memcpy(to, text, size);
	return to + size;
}

/* Returns the text between quotes, in memory of the edit. The data is NULL if there is no room. */
static struct bytes quoted(struct json_edit *e, const char *text, size_t size)
{
	char *to = json_edit_room(e, size + 2);

	if (to)
		*put(put(put(to, "\"", 1), text, size), "\"", 1) = 0;
	return (struct bytes){ to, size + 2 };
}

static void set_time(struct json_edit *e, size_t i, const struct rfc3339 *t)
{
	char text[RFC3339_SIZE];
	struct bytes value;

	if (!t->strict) {
		value = quoted(e, text, rfc3339_write(t->seconds, t->nanos, text));
		if (!value.data)
			return;
		json_edit_replace(e, i, value);
	}
	json_edit_rename(e, i, bytes_of("@timestamp"));
}

static void name_time(struct json_edit *e)
{
	struct log_time t;

	log_time_look_edited(&t, e);
	if (t.at >= 0 && (t.at == t.named || log_time_make_way(e)))
		set_time(e, (size_t)t.at, &t.when);
}

static void name_level(struct json_edit *e)
{
	enum severity severity;
	int i = severity_find(e, &severity);
	const char *word = severity_name(severity);
	struct bytes value;

	if (i < 0 || json_name_is(json_edit_name(e, (size_t)i), bytes_of("log"), false) || !is_free(e, "log.level", i))
		return;
	if (json_kind(json_edit_value(e, (size_t)i)) != MEMBER_STRING) {
		value = quoted(e, word, strlen(word));
		if (!value.data)
			return;
		json_edit_replace(e, (size_t)i, value);
	}
	json_edit_rename(e, (size_t)i, bytes_of("log.level"));
}

/* Whether a name may be in `fields`, by its first byte. A name that begins with an escape may be any. */
static bool may_be_field(struct bytes name)
{
	return name.size > 0 && memchr("mtslehpo\\", name.data[0], 9);
}

static void name_other(struct json_edit *e, size_t i)
{
	struct bytes name = json_edit_name(e, i);

	for (size_t k = 0; k < COUNT_OF(fields); k++)
		if (json_name_is(name, bytes_of(fields[k].from), false) &&
			fields[k].kinds >> json_kind(json_edit_value(e, i)) & 1 && is_free(e, fields[k].to, (int)i)) {
			json_edit_rename(e, i, bytes_of(fields[k].to));
			return;
		}
}

static void name_others(struct json_edit *e)
{
	for (size_t i = 0; i < e->count; i++)
		if (!json_edit_gone(e, i) && may_be_field(json_edit_name(e, i)))
			name_other(e, i);
}

/* In the schema `log` is an object, so a text of that name would be refused by the same index. Renames it to the
 * message, or to event.original if there is a message. Returns false if there is no such text, or no free name. */
static bool name_log(struct json_edit *e)
{
	static const char *const to[] = { "message", "event.original" };
	int i = json_edit_find(e, bytes_of("log"));

	if (i < 0 || json_kind(json_edit_value(e, (size_t)i)) != MEMBER_STRING)
		return false;
	for (size_t k = 0; k < COUNT_OF(to); k++)
		if (is_free(e, to[k], i)) {
			json_edit_rename(e, (size_t)i, bytes_of(to[k]));
			return true;
		}
	return false;
}

static void add_version(struct json_edit *e)
{
	static const char version[16 + JSON_LINE_PADDING] = "\"8.11.0\"";

	if (is_free(e, "ecs.version", -1) && json_edit_append(e, bytes_of("ecs.version"), bytes_of(version)) < 0)
		return; /* a line with too many members goes without */
}

static enum step_answer apply(struct step *s, struct record *record)
{
	name_time(record->edit);
	name_others(record->edit);
	if (name_log(record->edit))
		name_others(record->edit); /* names that `log` was in the way of */
	name_level(record->edit);
	if (s->version)
		add_version(record->edit);
	return STEP_KEEP;
}

static void destroy(struct step *s)
{
	free(s);
}

const struct step_type step_ecs = {
	.name = "ecs",
	.summary = "Renames what loggers write to the Elastic Common Schema: @timestamp, log.level, trace.id …",
	.signals = SIGNAL_LOGS,
	.options = rows,
	.config_size = sizeof(struct ecs_config),
	.create = create,
	.apply = apply,
	.destroy = destroy,
};
