#include "proto/otlp_record.h"

#include "base/text.h"
#include "proto/otlp_any.h"

enum {
	TRACE_SIZE = 16,
	SPAN_SIZE = 8,
	SEVERITIES = 24,
	SEVERITIES_OF_A_WORD = 4,
	FLAGS = 0xff,
	DOUBLE_FRACTION = 52,
	DOUBLE_EXPONENT = 0x7ff
};

static struct bytes *text_of(struct otlp_record *r, uint32_t field)
{
	switch (field) {
	case 3:
		return &r->severity_text;
	case 5:
		return &r->body;
	case 9:
		return &r->trace_id;
	case 10:
		return &r->span_id;
	case 12:
		return &r->event;
	default:
		return NULL;
	}
}

static uint64_t *number_of(struct otlp_record *r, uint32_t field, enum wire_type type)
{
	if (type == WIRE_64)
		return field == 1 ? &r->time : field == 11 ? &r->observed : NULL;
	if (type == WIRE_VARINT)
		return field == 2 ? &r->severity : field == 7 ? &r->dropped : NULL;
	return type == WIRE_32 && field == 8 ? &r->flags : NULL;
}

enum otlp_fault otlp_record_read(struct bytes message, struct otlp_record *ret)
{
	const struct bytes none = { "", 0 };
	struct wire w = wire_of(message);
	struct wire_field f;
	int more;

	*ret = (struct otlp_record){ .message = message,
		.severity_text = none,
		.body = none,
		.trace_id = none,
		.span_id = none,
		.event = none };
	while ((more = wire_next(&w, &f)) > 0) {
		struct bytes *text = f.type == WIRE_LENGTH ? text_of(ret, f.number) : NULL;
		uint64_t *number = f.type == WIRE_LENGTH ? NULL : number_of(ret, f.number, f.type);
		if (text)
			*text = f.bytes;
		if (number)
			*number = f.value;
	}
	if (more < 0)
		return OTLP_WIRE;
	if (ret->trace_id.size != 0 && ret->trace_id.size != TRACE_SIZE)
		return OTLP_LOG_TRACE_ID;
	return ret->span_id.size == 0 || ret->span_id.size == SPAN_SIZE ? OTLP_OK : OTLP_LOG_SPAN_ID;
}

/* An id of zeros is none (OpenTelemetry specification, "SpanContext"). */
static bool is_id(struct bytes id)
{
	for (size_t i = 0; i < id.size; i++)
		if (id.data[i])
			return true;
	return false;
}

/* Words of the data model ("Severity Fields"), as loggers write them. */
static const char *severity_word(uint64_t number)
{
	static const char *const words[] = { "trace", "debug", "info", "warn", "error", "fatal" };

	return number > 0 && number <= SEVERITIES ? words[(number - 1) / SEVERITIES_OF_A_WORD] : NULL;
}

/* Members that are always put in the same way. */

static struct bytes name(const char *text)
{
	return bytes_of(text);
}

static void put_text(struct otlp_line *l, const char *key, struct bytes text)
{
	if (text.size == 0)
		return;
	otlp_line_name(l, key, name(""));
	otlp_line_text(l, text);
}

static void put_number(struct otlp_line *l, const char *key, uint64_t number)
{
	if (number == 0)
		return;
	otlp_line_name(l, key, name(""));
	otlp_line_number(l, number);
}

static void put_time(struct otlp_line *l, const char *key, uint64_t ns)
{
	if (ns == 0)
		return;
	otlp_line_name(l, key, name(""));
	otlp_line_time(l, ns);
}

static void put_id(struct otlp_line *l, const char *key, struct bytes id)
{
	if (!is_id(id))
		return;
	otlp_line_name(l, key, name(""));
	otlp_line_hex(l, id);
}

static bool is_finite(uint64_t bits)
{
	return (bits >> DOUBLE_FRACTION & DOUBLE_EXPONENT) != DOUBLE_EXPONENT;
}

/* A body that is text, or a number, as text. False: it is neither, and nothing was written. */
static bool put_plain_body(struct otlp_line *l, const char *key, const struct otlp_any *any, struct bytes body)
{
	bool quoted;

	if (any->type == OTLP_VALUE_EMPTY || any->type > OTLP_VALUE_DOUBLE)
		return false;
	otlp_line_name(l, key, name(""));
	quoted = any->type == OTLP_VALUE_TEXT || (any->type == OTLP_VALUE_DOUBLE && !is_finite(any->number));
	otlp_line_raw(l, name(quoted ? "" : "\""));
	otlp_line_value(l, body);
	otlp_line_raw(l, name(quoted ? "" : "\""));
	return true;
}

/* Calls `put` for each attribute of a message, whose field it is. */
typedef void attribute_put(struct otlp_line *, const char *prefix, unsigned own, struct bytes key, struct bytes value);

static void each_attribute(
	struct otlp_line *l, struct bytes message, uint32_t field, const char *prefix, attribute_put *put)
{
	struct wire w = wire_of(message);
	unsigned own = l->count;
	struct bytes key, value;
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0) {
		if (f.number != field || f.type != WIRE_LENGTH)
			continue;
		if (otlp_pair_read(f.bytes, &key, &value) < 0)
			l->broken = true;
		else
			put(l, prefix, own, key, value);
	}
	if (more < 0)
		l->broken = true;
}

/* The part that a group has in common is copied from its first line. */
static void put_common(struct otlp_line *l, struct otlp_log_common *c, const struct otlp_log_group *g,
	void (*write)(struct otlp_line *, const struct otlp_log_group *))
{
	const struct {
		size_t size;
		char last;
	} before = { l->size, l->last };

	if (c->written && c->size == 0)
		return;
	otlp_line_comma(l);
	if (c->written) {
		if (l->to)
			otlp_line_raw(l, (struct bytes){ l->to + c->at, c->size });
		else
			l->size += c->size;
		l->last = '}';
		return;
	}
	c->at = l->size;
	l->last = '{'; /* so that its first member has no comma */
	write(l, g);
	c->size = l->size - c->at;
	c->names = l->count;
	c->written = true;
	if (c->size > 0)
		return;
	l->size = before.size; /* without the comma */
	l->last = before.last;
}

/* The Elastic Common Schema. */

/* Where the schema has a name of its own for what the semantic conventions name otherwise; sorted by the first. */
static const struct {
	const char *from, *to;
} renames[] = {
	{ "container.image.tags", "container.image.tag" },
	{ "deployment.environment", "service.environment" },
	{ "deployment.environment.name", "service.environment" },
	{ "exception.message", "error.message" },
	{ "exception.stacktrace", "error.stack_trace" },
	{ "exception.type", "error.type" },
	{ "host.arch", "host.architecture" },
	{ "k8s.deployment.name", "kubernetes.deployment.name" },
	{ "k8s.namespace.name", "kubernetes.namespace" },
	{ "k8s.node.name", "kubernetes.node.name" },
	{ "k8s.pod.name", "kubernetes.pod.name" },
	{ "k8s.pod.uid", "kubernetes.pod.uid" },
	{ "process.executable.path", "process.executable" },
	{ "service.instance.id", "service.node.name" },
	{ "thread.id", "process.thread.id" },
	{ "thread.name", "process.thread.name" },
};

/* Names that lines have whatever their attributes are. */
static const char *const ecs_names[] = { "@timestamp", "event.created", "log.level", "event.severity", "message",
	"body", "trace.id", "span.id", "trace.flags", "event.action", "log.logger", "otel.scope.version",
	"otel.dropped_attributes_count" };

/* NULL: the name stays. */
static const char *renamed(const struct otlp_line *l, struct bytes key)
{
	if (key.size == 0 || !strchr("cdehkpst", *key.data))
		return NULL;
	for (size_t i = 0; i < COUNT_OF(renames); i++)
		if (bytes_are(key, renames[i].from))
			return otlp_line_has(l, name(renames[i].to)) ? NULL : renames[i].to;
	return NULL;
}

static void put_ecs_attribute(
	struct otlp_line *l, const char *prefix, unsigned own, struct bytes key, struct bytes value)
{
	const char *to = renamed(l, key);

	switch (otlp_line_take(l, own, to ? name(to) : key)) {
	case LINE_NAME_FREE:
		otlp_line_name(l, to ? to : "", to ? name("") : key);
		break;
	case LINE_NAME_TAKEN:
		otlp_line_name(l, prefix, key);
		break;
	case LINE_NAME_REPEATED:
		l->repeated++;
		return;
	}
	otlp_line_value(l, value);
}

/* The names of scopes are under one prefix, so only they can be equal. */
static void put_scope_attribute(
	struct otlp_line *l, const char *prefix, unsigned own, struct bytes key, struct bytes value)
{
	if (bytes_are(key, "version") || otlp_line_take(l, own, key) == LINE_NAME_REPEATED) {
		l->repeated++;
		return;
	}
	otlp_line_name(l, prefix, key);
	otlp_line_value(l, value);
}

static void read_scope(struct otlp_line *l, struct bytes scope, struct bytes *ret_name, struct bytes *ret_version)
{
	if (otlp_pair_read(scope, ret_name, ret_version) < 0) /* they are the fields 1 and 2 */
		l->broken = true;
}

static void write_ecs_common(struct otlp_line *l, const struct otlp_log_group *g)
{
	struct bytes scope, version;
	unsigned names;

	for (size_t i = 0; i < COUNT_OF(ecs_names); i++)
		(void)otlp_line_take(l, 0, name(ecs_names[i]));
	each_attribute(l, g->resource, 1, "resource.", put_ecs_attribute);
	read_scope(l, g->scope, &scope, &version);
	put_text(l, "log.logger", scope);
	put_text(l, "otel.scope.version", version);
	names = l->count;
	each_attribute(l, g->scope, 3, "otel.scope.", put_scope_attribute);
	otlp_line_forget(l, names);
}

static void put_ecs_severity(struct otlp_line *l, const struct otlp_record *r)
{
	const char *word = severity_word(r->severity);

	if (r->severity_text.size > 0) {
		put_text(l, "log.level", r->severity_text);
	} else if (word) {
		otlp_line_name(l, "log.level", name(""));
		otlp_line_raw(l, name("\""));
		otlp_line_raw(l, name(word));
		otlp_line_raw(l, name("\""));
	}
	put_number(l, "event.severity", (uint32_t)r->severity);
}

static void put_ecs_body(struct otlp_line *l, struct bytes body)
{
	struct otlp_any any = otlp_any_read(body);

	if (any.broken) {
		l->broken = true;
	} else if (any.type != OTLP_VALUE_EMPTY && !put_plain_body(l, "message", &any, body)) {
		otlp_line_name(l, "body", name(""));
		otlp_line_value(l, body);
	}
}

static void write_ecs(
	struct otlp_line *l, const struct otlp_log_group *g, struct otlp_log_common *c, const struct otlp_record *r)
{
	put_time(l, "@timestamp", r->time ? r->time : r->observed);
	put_ecs_severity(l, r);
	put_ecs_body(l, r->body);
	put_id(l, "trace.id", r->trace_id);
	put_id(l, "span.id", r->span_id);
	put_number(l, "trace.flags", r->flags & FLAGS);
	put_text(l, "event.action", r->event);
	put_time(l, "event.created", r->time ? r->observed : 0);
	put_number(l, "otel.dropped_attributes_count", (uint32_t)r->dropped);
	put_common(l, c, g, write_ecs_common);
	each_attribute(l, r->message, 6, "attributes.", put_ecs_attribute);
}

/* The data model of OpenTelemetry. */

static void put_own_attribute(
	struct otlp_line *l, const char *prefix, unsigned own, struct bytes key, struct bytes value)
{
	if (otlp_line_take(l, own, key) != LINE_NAME_FREE) {
		l->repeated++;
		return;
	}
	otlp_line_name(l, prefix, key);
	otlp_line_value(l, value);
}

static void put_attributes(struct otlp_line *l, struct bytes message, uint32_t field)
{
	unsigned names = l->count;

	OXP_ASSERT(names == 0);
	otlp_line_name(l, "attributes", name(""));
	otlp_line_open(l, '{');
	each_attribute(l, message, field, "", put_own_attribute);
	otlp_line_close(l, '}');
	otlp_line_forget(l, names);
}

static uint32_t dropped_of(struct otlp_line *l, struct bytes message, uint32_t field)
{
	struct wire w = wire_of(message);
	struct wire_field f;
	uint32_t dropped = 0;
	int more;

	while ((more = wire_next(&w, &f)) > 0)
		if (f.number == field && f.type == WIRE_VARINT)
			dropped = (uint32_t)f.value;
	if (more < 0)
		l->broken = true;
	return dropped;
}

static void write_otel_common(struct otlp_line *l, const struct otlp_log_group *g)
{
	struct bytes scope, version;

	otlp_line_name(l, "resource", name(""));
	otlp_line_open(l, '{');
	put_attributes(l, g->resource, 1);
	put_number(l, "dropped_attributes_count", dropped_of(l, g->resource, 2));
	put_text(l, "schema_url", g->resource_schema);
	otlp_line_close(l, '}');
	otlp_line_name(l, "scope", name(""));
	otlp_line_open(l, '{');
	read_scope(l, g->scope, &scope, &version);
	put_text(l, "name", scope);
	put_text(l, "version", version);
	put_attributes(l, g->scope, 3);
	put_number(l, "dropped_attributes_count", dropped_of(l, g->scope, 4));
	put_text(l, "schema_url", g->scope_schema);
	otlp_line_close(l, '}');
}

/* `structured` is always an object: that is how the templates have it. */
static void put_otel_body(struct otlp_line *l, struct bytes body)
{
	struct otlp_any any = otlp_any_read(body);

	l->broken |= any.broken;
	if (l->broken || any.type == OTLP_VALUE_EMPTY)
		return;
	otlp_line_name(l, "body", name(""));
	otlp_line_open(l, '{');
	if (!put_plain_body(l, "text", &any, body)) {
		otlp_line_name(l, any.type == OTLP_VALUE_MAP || any.type == OTLP_VALUE_ARRAY ? "structured" : "text",
			name(""));
		otlp_line_raw(l, name(any.type == OTLP_VALUE_ARRAY ? "{\"value\":" : ""));
		otlp_line_value(l, body);
		otlp_line_raw(l, name(any.type == OTLP_VALUE_ARRAY ? "}" : ""));
	}
	otlp_line_close(l, '}');
}

static void write_otel(
	struct otlp_line *l, const struct otlp_log_group *g, struct otlp_log_common *c, const struct otlp_record *r)
{
	put_time(l, "@timestamp", r->time ? r->time : r->observed);
	put_time(l, "observed_timestamp", r->observed);
	put_number(l, "severity_number", (uint32_t)r->severity);
	put_text(l, "severity_text", r->severity_text);
	put_otel_body(l, r->body);
	put_text(l, "event_name", r->event);
	put_id(l, "trace_id", r->trace_id);
	put_id(l, "span_id", r->span_id);
	put_number(l, "trace_flags", r->flags & FLAGS);
	put_number(l, "dropped_attributes_count", (uint32_t)r->dropped);
	put_attributes(l, r->message, 6);
	put_common(l, c, g, write_otel_common);
}

void otlp_record_write(struct otlp_line *l, enum otlp_log_form form, const struct otlp_log_group *g,
	struct otlp_log_common *c, const struct otlp_record *r)
{
	otlp_line_forget(l, c->written && form == OTLP_LOG_ECS ? c->names : 0);
	otlp_line_open(l, '{');
	(form == OTLP_LOG_ECS ? write_ecs : write_otel)(l, g, c, r);
	otlp_line_close(l, '}');
}
