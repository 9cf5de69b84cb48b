#include "proto/otlp_log.h"

#include <stdlib.h>

#include "base/text.h"
#include "proto/exposition_number.h"
#include "proto/log_level.h"
#include "proto/log_time.h"

enum { TEXT_MAX = 64 << 20, TRACE_DIGITS = 32, SPAN_DIGITS = 16 };

/* Fields of LogRecord and of AnyValue. */
enum {
	LOG_RECORD = 2,
	LOG_TIME = 1,
	LOG_NUMBER,
	LOG_TEXT,
	LOG_BODY = 5,
	LOG_ATTRIBUTES,
	LOG_TRACE = 9,
	LOG_SPAN,
	LOG_OBSERVED
};

/* A list or map that is being written, and its element whose value is. */
struct level {
	bool array;
	size_t list, element;
	struct otlp_attribute pair;
};

struct otlp_log {
	struct json_edit *edit;
	struct buffer text; /* of one value, decoded */
	uint64_t taken[JSON_VIEW_WORDS]; /* a bit for each member that is no attribute */
	struct level levels[OTLP_LOG_LEVELS];
};

struct otlp_log *otlp_log_new(void)
{
	struct otlp_log *l = oxp_new(sizeof *l);

	l->edit = json_edit_new(json_scan_best(), 1 << 10);
	buffer_init(&l->text, TEXT_MAX);
	return l;
}

void otlp_log_free(struct otlp_log *l)
{
	if (!l)
		return;
	json_edit_free(l->edit);
	buffer_done(&l->text);
	free(l);
}

/* What stands between quotes; valid until the next one is decoded. */
static struct bytes decoded(struct otlp_log *l, struct bytes inner)
{
	if (!json_is_escaped(inner))
		return inner;
	buffer_clear(&l->text);
	return json_decode(inner, &l->text) == 0 ? buffer_bytes(&l->text) : inner;
}

/* Values. */

static bool whole_number(struct bytes text, int64_t *ret)
{
	bool minus = text.size > 0 && *text.data == '-';
	uint64_t limit = (uint64_t)INT64_MAX + minus, value = 0;

	for (size_t i = minus; i < text.size; i++) {
		unsigned digit = (unsigned)(text.data[i] - '0');
		if (digit > 9 || value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = minus ? (int64_t)(0 - value) : (int64_t)value;
	return text.size > minus && (value > 0 || !minus);
}

static struct otlp_value number_value(struct bytes text)
{
	int64_t whole;
	double real;

	if (whole_number(text, &whole))
		return otlp_int(whole);
	return exposition_number_parse(text, &real) ? otlp_double(real) : otlp_text(text);
}

static void build_scalar(struct otlp_log *l, struct otlp_build *b, struct bytes value)
{
	struct otlp_value v = { .type = OTLP_VALUE_EMPTY };

	switch (json_kind(value)) {
	case MEMBER_STRING:
		v = otlp_text(decoded(l, json_inner(value)));
		break;
	case MEMBER_NUMBER:
		v = number_value(value);
		break;
	case MEMBER_TRUE:
	case MEMBER_FALSE:
		v = otlp_bool(json_kind(value) == MEMBER_TRUE);
		break;
	case MEMBER_NULL:
		break;
	default:
		v = otlp_text(value); /* nested too deep */
	}
	otlp_build_value(b, &v);
}

static void open_list(struct level *at, struct otlp_build *b, bool array)
{
	at->array = array;
	at->list = otlp_build_begin(b, array ? OTLP_VALUE_ARRAY : OTLP_VALUE_MAP);
}

static void end_element(const struct level *at, struct otlp_build *b)
{
	if (at->array)
		otlp_build_end(b, at->element);
	else
		otlp_build_attribute_end(b, at->pair);
}

/* Whether the value at hand was begun as a list one level further down. */
static bool goes_down(struct otlp_log *l, struct otlp_build *b, enum json_token token, size_t depth)
{
	if ((token != TOKEN_OBJECT && token != TOKEN_ARRAY) || depth == OTLP_LOG_LEVELS)
		return false;
	open_list(&l->levels[depth], b, token == TOKEN_ARRAY);
	return true;
}

/* A value that is no list, or may not be one, from its first token on. */
static void build_leaf(struct otlp_log *l, struct otlp_build *b, struct json_walk *w)
{
	w->p = w->at;
	(void)json_walk_value(w);
	build_scalar(l, b, (struct bytes){ w->at, (size_t)(w->p - w->at) });
}

static void build_nested(struct otlp_log *l, struct otlp_build *b, struct bytes value)
{
	struct json_walk w = json_walk_of(l->edit->scan, value);
	enum json_token token = json_walk_next(&w);
	size_t depth = goes_down(l, b, token, 0);

	while (depth > 0 && (token = json_walk_next(&w)) != TOKEN_END) {
		struct level *at = &l->levels[depth - 1];
		if (token == TOKEN_COMMA)
			continue;
		if (token == TOKEN_CLOSE) {
			otlp_build_end(b, at->list);
			if (--depth > 0)
				end_element(&l->levels[depth - 1], b);
			continue;
		}
		if (token == TOKEN_NAME) {
			at->pair = otlp_build_attribute_begin(b, 1, decoded(l, w.text));
			token = json_walk_next(&w);
		} else {
			at->element = otlp_build_begin(b, 1);
		}
		if (goes_down(l, b, token, depth)) {
			depth++;
			continue;
		}
		build_leaf(l, b, &w);
		end_element(at, b);
	}
}

static void build_any(struct otlp_log *l, struct otlp_build *b, struct bytes value)
{
	enum member_kind kind = json_kind(value);

	if (kind == MEMBER_OBJECT || kind == MEMBER_ARRAY)
		build_nested(l, b, value);
	else
		build_scalar(l, b, value);
}

static void build_attribute(struct otlp_log *l, struct otlp_build *b, struct bytes name, struct bytes value)
{
	struct otlp_attribute pair = otlp_build_attribute_begin(b, LOG_ATTRIBUTES, decoded(l, name));

	build_any(l, b, value);
	otlp_build_attribute_end(b, pair);
}

/* What has a field of its own. */

static void take(struct otlp_log *l, size_t i)
{
	l->taken[i / 64] |= UINT64_C(1) << i % 64;
}

/* The first of the names that the line has, or -1. */
static int find(const struct otlp_log *l, const char *const *names)
{
	int i = -1;

	for (; *names && i < 0; names++)
		i = json_edit_find(l->edit, bytes_of(*names));
	return i;
}

static void build_time(struct otlp_log *l, struct otlp_build *b)
{
	struct log_time time;

	log_time_look_edited(&time, l->edit);
	if (time.kind == LOG_TIME_NONE || time.when.seconds < 0 || time.when.seconds > INT64_MAX / 1000000000)
		return;
	take(l, (size_t)time.at);
	otlp_build_fixed64(b, LOG_TIME, (uint64_t)time.when.seconds * 1000000000 + time.when.nanos);
}

/* The text is the word as the app wrote it. */
static void build_severity(struct otlp_log *l, struct otlp_build *b)
{
	static const unsigned char numbers[SEVERITIES] = { 0, 1, 5, 9, 13, 17, 21 };
	enum severity severity;
	int i = severity_find(l->edit, &severity);
	struct bytes value;

	if (i < 0)
		return;
	take(l, (size_t)i);
	value = json_edit_value(l->edit, (size_t)i);
	otlp_build_number(b, LOG_NUMBER, numbers[severity]);
	otlp_build_text(b, LOG_TEXT,
		json_kind(value) == MEMBER_STRING ? decoded(l, json_inner(value)) : bytes_of(severity_name(severity)));
}

static void build_body(struct otlp_log *l, struct otlp_build *b)
{
	static const char *const names[] = { "message", "msg", NULL };
	int i = find(l, names);
	size_t body;

	if (i < 0)
		return;
	take(l, (size_t)i);
	body = otlp_build_begin(b, LOG_BODY);
	build_any(l, b, json_edit_value(l->edit, (size_t)i));
	otlp_build_end(b, body);
}

/* That many digits of hex which are not all zero. */
static bool read_id(struct bytes value, size_t digits, char *to)
{
	char all = 0;

	if (value.size != digits + 2 || json_kind(value) != MEMBER_STRING)
		return false;
	if (!hex_parse((struct bytes){ value.data + 1, digits }, to, digits / 2))
		return false;
	for (size_t i = 0; i < digits / 2; i++)
		all |= to[i];
	return all != 0;
}

/* The id of a member, or of the member `id` of an object. */
static void build_id(struct otlp_log *l, struct otlp_build *b, unsigned field, const char *const *names)
{
	size_t digits = field == LOG_TRACE ? TRACE_DIGITS : SPAN_DIGITS;
	char id[TRACE_DIGITS / 2];
	int i = find(l, names);

	if (i < 0 || !read_id(json_edit_value(l->edit, (size_t)i), digits, id))
		return;
	take(l, (size_t)i);
	otlp_build_bytes(b, field, (struct bytes){ id, digits / 2 });
}

static void build_attributes(struct otlp_log *l, struct otlp_build *b)
{
	const struct json_edit *e = l->edit;
	struct json_walk w = json_walk_of(e->scan, e->rest);
	enum json_token token;

	for (size_t i = 0; i < e->count; i++)
		if (!json_edit_bit(l->taken, i))
			build_attribute(l, b, json_edit_name(e, i), json_edit_value(e, i));
	while ((token = json_walk_next(&w)) != TOKEN_END) {
		struct bytes name = w.text;
		if (token == TOKEN_NAME && json_walk_value(&w))
			build_attribute(l, b, name, (struct bytes){ w.at, (size_t)(w.p - w.at) });
	}
}

static void build_members(struct otlp_log *l, struct otlp_build *b)
{
	static const char *const traces[] = { "trace_id", "trace.id", "traceId", "traceID", NULL };
	static const char *const spans[] = { "span_id", "span.id", "spanId", "spanID", NULL };

	memset(l->taken, 0, sizeof l->taken);
	build_time(l, b);
	build_severity(l, b);
	build_body(l, b);
	build_id(l, b, LOG_TRACE, traces);
	build_id(l, b, LOG_SPAN, spans);
	build_attributes(l, b);
}

void otlp_log_build(struct otlp_log *l, struct otlp_build *b, struct bytes line, uint64_t observed)
{
	size_t record = otlp_build_begin(b, LOG_RECORD), body;

	otlp_build_fixed64(b, LOG_OBSERVED, observed);
	if (json_edit_begin(l->edit, line) == JSON_FINE) {
		build_members(l, b);
	} else {
		body = otlp_build_begin(b, LOG_BODY);
		otlp_build_text(b, OTLP_VALUE_TEXT, line);
		otlp_build_end(b, body);
	}
	otlp_build_end(b, record);
}
