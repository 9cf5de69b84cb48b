#include <stdio.h>

#include "base/writer.h"
#include "proto/json_text.h"
#include "proto/log_time.h"
#include "proto/syslog.h"

enum { NAMES_MAX = 32 };

static const char *const levels[] = { "emergency", "alert", "critical", "error", "warning", "notice", "info", "debug" };
static const char *const facilities[] = { "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp",
	"cron", "authpriv", "ftp", "ntp", "security", "console", "solaris-cron", "local0", "local1", "local2", "local3",
	"local4", "local5", "local6", "local7" };

/* What is being written, and which of it the message has already. */
struct writing {
	struct writer text;
	const char *object; /* the message if it is an object; its members are `line` */
	struct json_line line;
	bool first, has_time, has_level, has_head;
	struct bytes blank; /* the value of its @timestamp if that is blank: the time goes there */
};

static bool has(const struct writing *w, const char *name, bool fold)
{
	for (size_t i = 0; w->object && i < w->line.count; i++)
		if (json_name_is((struct bytes){ w->object + w->line.members[i].name, w->line.members[i].name_size },
			    bytes_of(name), fold))
			return true;
	return false;
}

static void put_name(struct writing *w, const char *name)
{
	writer_text(&w->text, w->first ? "{\"" : ",\"");
	writer_text(&w->text, name);
	writer_text(&w->text, "\":");
	w->first = false;
}

static void put_text(struct writing *w, const char *name, struct bytes text)
{
	if (text.size == 0)
		return;
	put_name(w, name);
	writer_quoted(&w->text, text);
}

static void put_number(struct writing *w, const char *name, unsigned value)
{
	put_name(w, name);
	writer_u64(&w->text, value);
}

/* Structured data: {"id": {"name": "value"}}. If a name occurs twice, no backend would take the object, so all of it
 * becomes one text. It was read before, so it is well-formed. */

struct structured {
	struct bytes ids[NAMES_MAX], names[NAMES_MAX];
	size_t id_count, name_count;
};

static struct bytes until(struct bytes b, const char *stops)
{
	size_t size = 0;

	while (size < b.size && !strchr(stops, b.data[size]))
		size++;
	return (struct bytes){ b.data, size };
}

static void skip(struct bytes *b, size_t size)
{
	*b = (struct bytes){ b->data + size, b->size - size };
}

static struct bytes value_of(struct bytes b)
{
	size_t size = 0;

	while (b.data[size] != '"')
		size += b.data[size] == '\\' ? 2 : 1;
	return (struct bytes){ b.data, size };
}

/* False: the name is there already, or there are too many. */
static bool note(struct bytes *names, size_t *count, struct bytes name)
{
	for (size_t i = 0; i < *count; i++)
		if (bytes_equal(names[i], name))
			return false;
	if (*count == NAMES_MAX)
		return false;
	names[(*count)++] = name;
	return true;
}

/* Only \", \\ and \] are escapes (RFC 5424, 6.3.3); any other backslash is itself. */
static void put_value(struct writing *w, struct bytes value)
{
	size_t start = w->text.to->size, out;

	writer_quoted(&w->text, value);
	if (w->text.failed || !memchr(value.data, '\\', value.size))
		return;
	/* In JSON the backslash of an escape is a pair, `\\`, before what it escapes: the pair is removed. */
	out = start;
	for (size_t in = start; in < w->text.to->size;) {
		const char *p = w->text.to->data + in;
		size_t left = w->text.to->size - in;
		bool pair = left > 2 && p[0] == '\\' && p[1] == '\\';
		bool quote = pair && left > 3 && p[2] == '\\' && (p[3] == '"' || p[3] == '\\');
		size_t copied = *p == '\\' && left > 1 ? 2 : 1;
		if (quote || (pair && p[2] == ']')) {
			in += 2;
			p += 2;
			copied = quote ? 2 : 1;
		}
		memmove(w->text.to->data + out, p, copied);
		out += copied;
		in += copied;
	}
	w->text.to->size = out;
}

static bool put_params(struct writing *w, struct structured *s, struct bytes *rest)
{
	s->name_count = 0;
	for (bool first = true; rest->data[0] == ' '; first = false) {
		struct bytes name, value;
		skip(rest, 1);
		name = until(*rest, "=");
		skip(rest, name.size + 2);
		value = value_of(*rest);
		skip(rest, value.size + 1);
		if (!note(s->names, &s->name_count, name))
			return false;
		writer_text(&w->text, first ? "" : ",");
		writer_quoted(&w->text, name);
		writer_text(&w->text, ":");
		put_value(w, value);
	}
	skip(rest, 1);
	return true;
}

static bool put_elements(struct writing *w, struct bytes rest)
{
	struct structured s = { .id_count = 0 };

	for (bool first = true; rest.size > 0; first = false) {
		struct bytes id;
		skip(&rest, 1);
		id = until(rest, " ]");
		skip(&rest, id.size);
		if (!note(s.ids, &s.id_count, id))
			return false;
		writer_text(&w->text, first ? "" : ",");
		writer_quoted(&w->text, id);
		writer_text(&w->text, ":{");
		if (!put_params(w, &s, &rest))
			return false;
		writer_text(&w->text, "}");
	}
	return true;
}

static void put_structured(struct writing *w, struct bytes all)
{
	size_t before;

	if (all.size == 0)
		return;
	put_name(w, "oxpecker.syslog.structured_data");
	before = w->text.to->size;
	writer_text(&w->text, "{");
	if (!put_elements(w, all) && !w->text.failed) {
		w->text.to->size = before;
		writer_text(&w->text, "{\"text\":");
		writer_quoted(&w->text, all);
	}
	writer_text(&w->text, "}");
}

/* The head. */

static void put_time(struct writing *w, const struct syslog *s)
{
	char text[RFC3339_SIZE];

	if (!s->has_time || w->has_time)
		return;
	put_text(w, "@timestamp", (struct bytes){ text, rfc3339_write(s->seconds, s->nanos, text) });
}

static void put_head(struct writing *w, const struct syslog *s)
{
	put_time(w, s);
	if (w->has_head)
		return;
	if (!w->has_level)
		put_text(w, "oxpecker.syslog.severity.name", bytes_of(levels[s->priority % 8]));
	put_number(w, "oxpecker.syslog.priority", s->priority);
	put_number(w, "oxpecker.syslog.severity.code", s->priority % 8);
	put_text(w, "oxpecker.syslog.facility.name", bytes_of(facilities[s->priority / 8]));
	put_text(w, "oxpecker.syslog.hostname", s->host);
	put_text(w, "oxpecker.syslog.appname", s->app);
	put_text(w, "oxpecker.syslog.procid", s->procid);
	put_text(w, "oxpecker.syslog.msgid", s->msgid);
	put_structured(w, s->structured);
}

/* The object in the message: {"…": …}; no data if there is none. */
static struct bytes object_of(struct bytes b)
{
	static const char cookie[] = "@cee:";

	if (b.size > sizeof cookie - 1 && memcmp(b.data, cookie, sizeof cookie - 1) == 0)
		skip(&b, sizeof cookie - 1);
	while (b.size > 0 && *b.data == ' ')
		skip(&b, 1);
	return b.size > 0 && *b.data == '{' ? b : (struct bytes){ NULL, 0 };
}

/* The time that the message says itself, the blank one to fill, or neither. What is not indexed may have one. */
static void look_for_time(struct writing *w, const struct json_scan *scan)
{
	const struct json_member *m;
	struct log_time t;

	log_time_look(&t, scan, w->object, &w->line);
	w->has_time = t.at >= 0 || t.named >= 0 || w->line.more;
	if (t.at >= 0 || t.named < 0 || !t.blank)
		return;
	m = &w->line.members[t.named];
	w->blank = (struct bytes){ w->object + m->value, m->value_size };
}

/* What the message has by itself is not said twice. An "oxpecker" of its own is not to be mixed with ours. */
static void look(struct writing *w, const struct json_scan *scan, struct bytes object)
{
	static const char *const names[] = { "level", "lvl", "severity", "log.level", "loglevel", "severity_text",
		"levelname" };

	w->object = object.data;
	look_for_time(w, scan);
	for (size_t i = 0; i < COUNT_OF(names); i++)
		w->has_level = w->has_level || has(w, names[i], true);
	w->has_head = has(w, "oxpecker", false) || w->line.more;
	for (size_t i = 0; i < w->line.count; i++) {
		const struct json_member *m = &w->line.members[i];
		struct bytes name = { w->object + m->name, m->name_size };
		w->has_head = w->has_head || json_name_begins(name, bytes_of("oxpecker."));
	}
}

static void put_bytes(struct writing *w, const char *from, const char *to)
{
	writer_bytes(&w->text, (struct bytes){ from, (size_t)(to - from) });
}

static void put_object(struct writing *w, const struct syslog *s, struct bytes object)
{
	const char *members = object.data + 1, *end = object.data + object.size;
	char text[RFC3339_SIZE];

	if (!w->first && w->line.count > 0)
		writer_text(&w->text, ",");
	else if (w->first)
		writer_text(&w->text, "{");
	if (w->blank.size > 0 && s->has_time) {
		put_bytes(w, members, w->blank.data);
		writer_quoted(&w->text, (struct bytes){ text, rfc3339_write(s->seconds, s->nanos, text) });
		members = w->blank.data + w->blank.size;
	}
	put_bytes(w, members, end);
}

int syslog_write(const struct syslog *s, const struct json_scan *scan, struct buffer *to)
{
	struct writing w = { .first = true };
	struct bytes object = object_of(s->message);

	writer_init(&w.text, to);
	if (object.data && json_line_index(scan, object.data, object.size, &w.line) == JSON_FINE)
		look(&w, scan, object);
	put_head(&w, s);
	if (w.object) {
		put_object(&w, s, object);
		return writer_done(&w.text);
	}
	put_name(&w, "message");
	if (!w.text.failed)
		writer_fail(&w.text, json_text_append(scan, to, s->message.data, s->message.size));
	writer_text(&w.text, "}");
	return writer_done(&w.text);
}
