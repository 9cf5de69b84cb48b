#include "proto/jaeger.h"

#include <stdio.h>

#include "base/text.h"
#include "proto/otlp_build.h"
#include "proto/otlp_walk.h"

enum { TAGS_AT_ONCE = 64, SPECIALS_MAX = 16, VERSION_SHOWN = 100, NS_IN_US = 1000 };

#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

/* A list of structs: where the first one begins. */
struct items {
	struct thrift at;
	uint32_t count;
};

struct batch {
	struct bytes service;
	struct items process_tags, spans;
};

struct span {
	int64_t trace_low, trace_high, id, parent, start, duration;
	struct bytes name;
	struct items references, tags, logs;
};

struct reference {
	int64_t trace_low, trace_high, id;
	int32_t follows; /* 0: it is a child of it */
};

struct tag {
	struct bytes key;
	struct otlp_value value;
	int special; /* which one it is; -1: none */
};

/* Tags that are looked at together. */
struct window {
	size_t count;
	struct tag tags[TAGS_AT_ONCE];
};

/* Tags that mean something. Of two with one name the last counts. */
struct specials {
	const struct bytes *names;
	size_t count;
	unsigned there, gone; /* a bit for each: it was found; it is no attribute any more */
	struct otlp_value values[SPECIALS_MAX];
};

/*
 * What is written. Invariant: `scope` is begun only within `resource`, and is what it was begun with.
 */
struct writer {
	struct otlp_build out;
	struct otlp_made made;
	bool has_scope;
	size_t scope;
	struct bytes scope_name, scope_version;
};

/* Reading. */

static struct items read_items(struct thrift *t)
{
	struct thrift_list list = thrift_list(t);
	struct items items = { *t, list.type == THRIFT_STRUCT ? list.count : 0 };

	thrift_skip_list(t, list);
	return items;
}

static int64_t *number_of(struct span *s, int id)
{
	switch (id) {
	case 1:
		return &s->trace_low;
	case 2:
		return &s->trace_high;
	case 3:
		return &s->id;
	case 4:
		return &s->parent;
	case 8:
		return &s->start;
	case 9:
		return &s->duration;
	default:
		return NULL;
	}
}

static struct items *items_of(struct span *s, int id)
{
	switch (id) {
	case 6:
		return &s->references;
	case 10:
		return &s->tags;
	case 11:
		return &s->logs;
	default:
		return NULL;
	}
}

static void read_span(struct thrift *t, struct span *s)
{
	struct thrift_field f = { 0 };
	int64_t *number;
	struct items *items;

	*s = (struct span){ .name = { "", 0 } };
	while (thrift_field(t, &f)) {
		number = f.type == THRIFT_I64 ? number_of(s, f.id) : NULL;
		items = f.type == THRIFT_LIST ? items_of(s, f.id) : NULL;
		if (number)
			*number = thrift_i64(t);
		else if (items)
			*items = read_items(t);
		else if (f.id == 5 && f.type == THRIFT_STRING)
			s->name = thrift_string(t);
		else
			thrift_skip(t, &f);
	}
}

static void read_reference(struct thrift *t, struct reference *r)
{
	struct thrift_field f = { 0 };

	*r = (struct reference){ .follows = 0 };
	while (thrift_field(t, &f))
		if (f.id == 1 && f.type == THRIFT_I32)
			r->follows = thrift_i32(t);
		else if (f.id == 2 && f.type == THRIFT_I64)
			r->trace_low = thrift_i64(t);
		else if (f.id == 3 && f.type == THRIFT_I64)
			r->trace_high = thrift_i64(t);
		else if (f.id == 4 && f.type == THRIFT_I64)
			r->id = thrift_i64(t);
		else
			thrift_skip(t, &f);
}

/* A tag says which of its values counts. If that one is missing, it is empty. */
enum tag_type { TAG_STRING, TAG_DOUBLE, TAG_BOOL, TAG_LONG, TAG_BINARY };

struct tag_parts {
	int32_t type;
	struct bytes key, text, binary;
	double real;
	int64_t number;
	bool is;
};

static void read_tag_part(struct thrift *t, const struct thrift_field *f, struct tag_parts *p)
{
	if (f->id == 1 && f->type == THRIFT_STRING)
		p->key = thrift_string(t);
	else if (f->id == 2 && f->type == THRIFT_I32)
		p->type = thrift_i32(t);
	else if (f->id == 3 && f->type == THRIFT_STRING)
		p->text = thrift_string(t);
	else if (f->id == 4 && f->type == THRIFT_DOUBLE)
		p->real = thrift_double(t);
	else if (f->id == 5 && f->type == THRIFT_BOOL)
		p->is = f->is;
	else if (f->id == 6 && f->type == THRIFT_I64)
		p->number = thrift_i64(t);
	else if (f->id == 7 && f->type == THRIFT_STRING)
		p->binary = thrift_string(t);
	else
		thrift_skip(t, f);
}

static struct otlp_value value_of(const struct tag_parts *p)
{
	switch (p->type) {
	case TAG_STRING:
		return otlp_text(p->text);
	case TAG_DOUBLE:
		return otlp_double(p->real);
	case TAG_BOOL:
		return otlp_bool(p->is);
	case TAG_LONG:
		return otlp_int(p->number);
	case TAG_BINARY:
		return (struct otlp_value){ .type = OTLP_VALUE_BYTES, .bytes = p->binary };
	default:
		return otlp_text(bytes_of("<Unknown Jaeger TagType \"<UNSET>\">"));
	}
}

static void read_tag(struct thrift *t, struct tag *tag)
{
	struct tag_parts parts = { .key = { "", 0 }, .text = { "", 0 }, .binary = { "", 0 } };
	struct thrift_field f = { 0 };

	while (thrift_field(t, &f))
		read_tag_part(t, &f, &parts);
	tag->key = parts.key;
	tag->value = value_of(&parts);
}

/* Tags. */

static int special_of(const struct specials *s, struct bytes key)
{
	for (size_t i = 0; i < s->count; i++)
		if (bytes_equal(s->names[i], key))
			return (int)i;
	return -1;
}

/* The next tags of a list. False: there are no more, and the window stays as it is. */
static bool fill(struct window *w, struct items *tags, const struct specials *s)
{
	if (tags->count == 0)
		return false;
	for (w->count = 0; tags->count > 0 && w->count < TAGS_AT_ONCE; w->count++, tags->count--) {
		struct tag *tag = &w->tags[w->count];
		read_tag(&tags->at, tag);
		tag->special = special_of(s, tag->key);
	}
	return true;
}

/* If all tags fit into the window, they stay in it. */
static void find_specials(struct window *w, struct items tags, struct specials *s)
{
	w->count = 0;
	while (fill(w, &tags, s))
		for (const struct tag *tag = w->tags; tag < w->tags + w->count; tag++)
			if (tag->special >= 0) {
				s->there |= 1u << tag->special;
				s->values[tag->special] = tag->value;
			}
}

static bool is_there(const struct specials *s, unsigned i)
{
	return s->there >> i & 1;
}

static bool is_text(const struct specials *s, unsigned i)
{
	return is_there(s, i) && s->values[i].type == OTLP_VALUE_TEXT;
}

/* Empty if it is anything else. */
static struct bytes text_of(const struct specials *s, unsigned i)
{
	return is_text(s, i) ? s->values[i].bytes : (struct bytes){ "", 0 };
}

/* The text of a tag that is no attribute any more. */
static struct bytes take_text(struct specials *s, unsigned i)
{
	s->gone |= is_there(s, i) << i;
	return text_of(s, i);
}

static bool has_later(const struct window *w, size_t i)
{
	for (size_t j = i + 1; j < w->count; j++)
		if (bytes_equal(w->tags[i].key, w->tags[j].key))
			return true;
	return false;
}

static void put_some(struct otlp_build *b, unsigned field, const struct window *w, const struct specials *s)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct tag *tag = &w->tags[i];
		bool gone = tag->special >= 0 && s->gone >> tag->special & 1;
		if (!gone && !has_later(w, i))
			otlp_build_attribute(b, field, tag->key, &tag->value);
	}
}

/* Those that find_specials() has seen, and left in the window if they fit. */
static void put_tags(struct otlp_build *b, unsigned field, struct items tags, struct window *w, struct specials *s)
{
	if (tags.count <= TAGS_AT_ONCE)
		put_some(b, field, w, s);
	else
		while (fill(w, &tags, s))
			put_some(b, field, w, s);
}

/* The process. */

enum { PROCESS_HOSTNAME, PROCESS_HOST_NAME, PROCESS_VERSION, PROCESS_EXPORTER, PROCESS_SERVICE, PROCESS_SPECIALS };
static const struct bytes process_names[PROCESS_SPECIALS] = {
	[PROCESS_HOSTNAME] = TEXT("hostname"),
	[PROCESS_HOST_NAME] = TEXT("host.name"),
	[PROCESS_VERSION] = TEXT("jaeger.version"),
	[PROCESS_EXPORTER] = TEXT("opencensus.exporterversion"),
	[PROCESS_SERVICE] = TEXT("service.name"),
};

static void put_version(struct otlp_build *b, struct specials *s)
{
	char text[sizeof "Jaeger-" + VERSION_SHOWN];
	struct bytes version = take_text(s, PROCESS_VERSION);
	int size = snprintf(text, sizeof text, "Jaeger-%.*s", (int)smaller(version.size, VERSION_SHOWN), version.data);
	struct otlp_value value = otlp_text((struct bytes){ text, (size_t)size });

	otlp_build_attribute(b, 1, process_names[PROCESS_EXPORTER], &value);
}

static void put_resource(struct otlp_build *b, const struct batch *batch)
{
	struct specials s = { .names = process_names, .count = PROCESS_SPECIALS };
	struct otlp_value service = otlp_text(batch->service);
	size_t resource = otlp_build_begin(b, 1);
	struct window w;

	find_specials(&w, batch->process_tags, &s);
	if (batch->service.size > 0 && !is_there(&s, PROCESS_SERVICE))
		otlp_build_attribute(b, 1, process_names[PROCESS_SERVICE], &service);
	if (is_there(&s, PROCESS_HOSTNAME) && !is_there(&s, PROCESS_HOST_NAME)) {
		otlp_build_attribute(b, 1, process_names[PROCESS_HOST_NAME], &s.values[PROCESS_HOSTNAME]);
		s.gone |= 1u << PROCESS_HOSTNAME;
	}
	if (is_there(&s, PROCESS_VERSION) && !is_there(&s, PROCESS_EXPORTER))
		put_version(b, &s);
	put_tags(b, 1, batch->process_tags, &w, &s);
	otlp_build_end(b, resource);
}

/* A span. */

enum {
	SPAN_KIND,
	SPAN_ERROR,
	SPAN_CODE,
	SPAN_DESCRIPTION,
	SPAN_HTTP_CODE,
	SPAN_HTTP_MESSAGE,
	SPAN_TRACE_STATE,
	SPAN_SCOPE,
	SPAN_SCOPE_VERSION,
	SPAN_SPECIALS
};
static const struct bytes span_names[SPAN_SPECIALS] = {
	[SPAN_KIND] = TEXT("span.kind"),
	[SPAN_ERROR] = TEXT("error"),
	[SPAN_CODE] = TEXT("otel.status_code"),
	[SPAN_DESCRIPTION] = TEXT("otel.status_description"),
	[SPAN_HTTP_CODE] = TEXT("http.status_code"),
	[SPAN_HTTP_MESSAGE] = TEXT("http.status_message"),
	[SPAN_TRACE_STATE] = TEXT("w3c.tracestate"),
	[SPAN_SCOPE] = TEXT("otel.scope.name"),
	[SPAN_SCOPE_VERSION] = TEXT("otel.scope.version"),
};

struct status {
	enum otlp_status code;
	struct bytes message;
};

static const char *const kinds[] = { "", "internal", "server", "client", "producer", "consumer" };
enum { KIND_SERVER = 2, KIND_CLIENT = 3 };

static unsigned kind_of(struct specials *s)
{
	struct bytes text;

	if (!is_text(s, SPAN_KIND))
		return 0;
	text = take_text(s, SPAN_KIND);
	for (unsigned i = COUNT_OF(kinds) - 1; i > 0; i--)
		if (bytes_are(text, kinds[i]))
			return i;
	return 0;
}

static bool http_code(const struct otlp_value *value, int64_t *ret)
{
	uint64_t number;

	if (value->type == OTLP_VALUE_INT) {
		*ret = value->number;
		return true;
	}
	if (value->type != OTLP_VALUE_TEXT || !u64_parse(value->bytes, &number) || number > INT64_MAX)
		return false;
	*ret = (int64_t)number;
	return true;
}

/* 4xx is no error of a server. */
static struct status http_status(const struct specials *s, unsigned kind)
{
	struct status status = { .message = text_of(s, SPAN_HTTP_MESSAGE) };
	int64_t code;

	if (!http_code(&s->values[SPAN_HTTP_CODE], &code))
		return (struct status){ .message = { "", 0 } };
	if (code >= 400 && code < 500 && (kind == KIND_SERVER || kind == KIND_CLIENT))
		status.code = kind == KIND_CLIENT ? OTLP_STATUS_ERROR : OTLP_STATUS_UNSET;
	else
		status.code = code >= 100 && code < 399 ? OTLP_STATUS_UNSET : OTLP_STATUS_ERROR;
	return status.code ? status : (struct status){ .message = { "", 0 } };
}

/* The tag `error` is above `otel.status_code`, and that above `http.status_code`. */
static struct status status_of(struct specials *s, unsigned kind)
{
	const struct otlp_value *error = &s->values[SPAN_ERROR];
	struct status status = { .message = { "", 0 } };

	if (is_there(s, SPAN_ERROR) && error->type == OTLP_VALUE_BOOL && error->number) {
		s->gone |= 1u << SPAN_ERROR | (unsigned)is_there(s, SPAN_CODE) << SPAN_CODE;
		status.code = OTLP_STATUS_ERROR;
		status.message =
			is_there(s, SPAN_DESCRIPTION) ? take_text(s, SPAN_DESCRIPTION) : text_of(s, SPAN_HTTP_MESSAGE);
	} else if (is_there(s, SPAN_CODE)) {
		struct bytes word = take_text(s, SPAN_CODE);
		if (bytes_same_word(word, bytes_of("OK")))
			status.code = OTLP_STATUS_OK;
		else if (bytes_same_word(word, bytes_of("ERROR")))
			status.code = OTLP_STATUS_ERROR;
		status.message = take_text(s, SPAN_DESCRIPTION);
	} else if (is_there(s, SPAN_HTTP_CODE)) {
		status = http_status(s, kind);
	}
	return status;
}

/* Nothing but what has a name is a scope; a version alone stays an attribute. */
static void take_scope(struct specials *s, struct bytes *ret_name, struct bytes *ret_version)
{
	*ret_name = *ret_version = (struct bytes){ "", 0 };
	if (text_of(s, SPAN_SCOPE).size == 0)
		return;
	*ret_name = take_text(s, SPAN_SCOPE);
	if (is_text(s, SPAN_SCOPE_VERSION))
		*ret_version = take_text(s, SPAN_SCOPE_VERSION);
}

static void put_id(struct otlp_build *b, unsigned field, uint64_t id)
{
	uint64_t big = __builtin_bswap64(id);

	otlp_build_bytes(b, field, (struct bytes){ (const char *)&big, sizeof big });
}

static void put_trace_id(struct otlp_build *b, unsigned field, uint64_t high, uint64_t low)
{
	const uint64_t big[2] = { __builtin_bswap64(high), __builtin_bswap64(low) };

	otlp_build_bytes(b, field, (struct bytes){ (const char *)big, sizeof big });
}

static uint64_t nanoseconds(int64_t us)
{
	return (uint64_t)us * NS_IN_US;
}

/* What a client gives as the parent; else the first reference to a span of the same trace, of a child if there is
 * one. */
static int64_t parent_of(const struct span *s)
{
	struct items refs = s->references;
	struct reference r;
	int64_t follows = 0;
	bool follows_one = false;

	for (uint32_t n = 0; s->parent == 0 && n < refs.count; n++) {
		read_reference(&refs.at, &r);
		if (r.trace_low != s->trace_low || r.trace_high != s->trace_high)
			continue;
		if (r.follows == 0)
			return r.id;
		if (!follows_one && r.follows == 1)
			follows = r.id;
		follows_one |= r.follows == 1;
	}
	return s->parent ? s->parent : follows;
}

/* A reference to nothing is no link: it would take many times the bytes that it came with. */
static bool is_link(const struct reference *r, int64_t parent)
{
	return (r->trace_low | r->trace_high) && r->id && (r->id != parent || r->follows != 0);
}

static void put_links(struct otlp_build *b, struct items refs, int64_t parent)
{
	const struct bytes key = TEXT("opentracing.ref_type");
	struct reference r;

	for (uint32_t n = 0; n < refs.count; n++) {
		struct otlp_value value;
		size_t link;
		read_reference(&refs.at, &r);
		if (!is_link(&r, parent))
			continue;
		value = otlp_text(bytes_of(r.follows ? "follows_from" : "child_of"));
		link = otlp_build_begin(b, 13);
		put_trace_id(b, 1, (uint64_t)r.trace_high, (uint64_t)r.trace_low);
		put_id(b, 2, (uint64_t)r.id);
		otlp_build_attribute(b, 4, key, &value);
		otlp_build_end(b, link);
	}
}

static void put_event(struct otlp_build *b, struct thrift *t, struct window *w)
{
	static const struct bytes names[] = { TEXT("event") };
	struct specials s = { .names = names, .count = 1 };
	struct thrift_field f = { 0 };
	struct items fields = { .count = 0 };
	int64_t time = 0;
	size_t event = otlp_build_begin(b, 11);

	while (thrift_field(t, &f))
		if (f.id == 1 && f.type == THRIFT_I64)
			time = thrift_i64(t);
		else if (f.id == 2 && f.type == THRIFT_LIST)
			fields = read_items(t);
		else
			thrift_skip(t, &f);
	otlp_build_fixed64(b, 1, nanoseconds(time));
	find_specials(w, fields, &s);
	if (is_text(&s, 0))
		otlp_build_text(b, 2, take_text(&s, 0));
	put_tags(b, 3, fields, w, &s);
	otlp_build_end(b, event);
}

static void put_status(struct otlp_build *b, const struct status *status)
{
	size_t begun;

	if (status->code == OTLP_STATUS_UNSET && status->message.size == 0)
		return;
	begun = otlp_build_begin(b, 15);
	if (status->message.size > 0)
		otlp_build_text(b, 2, status->message);
	otlp_build_number(b, 3, status->code);
	otlp_build_end(b, begun);
}

static void put_span(struct otlp_build *b, const struct span *s, struct window *w, struct specials *specials)
{
	int64_t parent = parent_of(s);
	unsigned kind = kind_of(specials);
	struct status status = status_of(specials, kind);
	struct items logs = s->logs;
	size_t span = otlp_build_begin(b, 2);

	put_trace_id(b, 1, (uint64_t)s->trace_high, (uint64_t)s->trace_low);
	put_id(b, 2, (uint64_t)s->id);
	if (text_of(specials, SPAN_TRACE_STATE).size > 0)
		otlp_build_text(b, 3, take_text(specials, SPAN_TRACE_STATE));
	if (parent)
		put_id(b, 4, (uint64_t)parent);
	otlp_build_text(b, 5, s->name);
	otlp_build_number(b, 6, kind);
	otlp_build_fixed64(b, 7, nanoseconds(s->start));
	otlp_build_fixed64(b, 8, nanoseconds((int64_t)((uint64_t)s->start + (uint64_t)s->duration)));
	put_tags(b, 9, s->tags, w, specials);
	for (uint32_t n = 0; n < logs.count; n++)
		put_event(b, &logs.at, w);
	put_links(b, s->references, parent);
	put_status(b, &status);
	otlp_build_end(b, span);
}

/* The whole. */

static void begin_scope(struct writer *w, struct bytes name, struct bytes version)
{
	size_t scope;

	if (w->has_scope && bytes_equal(w->scope_name, name) && bytes_equal(w->scope_version, version))
		return;
	if (w->has_scope)
		otlp_build_end(&w->out, w->scope);
	w->has_scope = true;
	w->scope_name = name;
	w->scope_version = version;
	w->scope = otlp_build_begin(&w->out, 2);
	if (name.size == 0)
		return;
	scope = otlp_build_begin(&w->out, 1);
	otlp_build_text(&w->out, 1, name);
	otlp_build_text(&w->out, 2, version);
	otlp_build_end(&w->out, scope);
}

static const char *check_ids(const struct span *s)
{
	if (!(s->trace_low | s->trace_high))
		return "its trace id is zero";
	return s->id ? NULL : "its span id is zero";
}

static void put_span_in_scope(struct writer *w, const struct span *s)
{
	struct specials specials = { .names = span_names, .count = SPAN_SPECIALS };
	struct bytes name, version;
	struct window window;

	find_specials(&window, s->tags, &specials);
	take_scope(&specials, &name, &version);
	begin_scope(w, name, version);
	put_span(&w->out, s, &window, &specials);
	w->made.spans++;
}

static void put_next_span(struct writer *w, struct thrift *t)
{
	const unsigned char *begin = t->at;
	const char *why;
	struct span s;

	read_span(t, &s);
	why = check_ids(&s);
	if (why)
		otlp_made_refuse(&w->made, why, s.name, (size_t)(t->at - begin));
	else
		put_span_in_scope(w, &s);
}

static void put_batch(struct writer *w, const struct batch *batch)
{
	size_t resource = otlp_build_begin(&w->out, 1);
	struct items spans = batch->spans;

	put_resource(&w->out, batch);
	for (uint32_t n = 0; n < spans.count; n++)
		put_next_span(w, &spans.at);
	if (w->has_scope)
		otlp_build_end(&w->out, w->scope);
	otlp_build_end(&w->out, resource);
	if (w->made.spans == 0)
		otlp_build_cut(&w->out, 0);
	w->made.size = w->out.size;
}

static void read_process(struct thrift *t, struct batch *batch)
{
	struct thrift_field f = { 0 };

	while (thrift_field(t, &f))
		if (f.id == 1 && f.type == THRIFT_STRING)
			batch->service = thrift_string(t);
		else if (f.id == 2 && f.type == THRIFT_LIST)
			batch->process_tags = read_items(t);
		else
			thrift_skip(t, &f);
}

static void read_batch(struct thrift *t, struct batch *batch)
{
	struct thrift_field f = { 0 };

	while (thrift_field(t, &f))
		if (f.id == 1 && f.type == THRIFT_STRUCT)
			read_process(t, batch);
		else if (f.id == 2 && f.type == THRIFT_LIST)
			batch->spans = read_items(t);
		else
			thrift_skip(t, &f);
}

/* NULL, or why the call is refused. Clients in Node put the name of the service before that of the function. */
static const char *read_call(struct thrift *t, struct batch *batch)
{
	static const char service[] = "Agent::";
	struct thrift_field f = { 0 };
	struct bytes name = thrift_message(t);

	if (t->fault)
		return NULL;
	if (name.size > sizeof service - 1 && memcmp(name.data, service, sizeof service - 1) == 0)
		name = (struct bytes){ name.data + sizeof service - 1, name.size - (sizeof service - 1) };
	if (bytes_are(name, "emitZipkinBatch"))
		return "emitZipkinBatch: spans of Zipkin are not taken over UDP; send them to `receive.zipkin`";
	if (!bytes_are(name, "emitBatch"))
		return "a call of another function than emitBatch";
	while (thrift_field(t, &f))
		if (f.id == 1 && f.type == THRIFT_STRUCT)
			read_batch(t, batch);
		else
			thrift_skip(t, &f);
	return NULL;
}

/* Passes over all of it: once this finds no fault, no later reading does. */
static const char *read_source(const struct jaeger_source *source, struct batch *batch, size_t *ret_at)
{
	struct thrift t = thrift_of(source->protocol, source->body);
	const char *why = NULL;

	*batch = (struct batch){ .service = { "", 0 } };
	if (source->message)
		why = read_call(&t, batch);
	else
		read_batch(&t, batch);
	*ret_at = (size_t)((const char *)t.at - source->body.data);
	if (t.fault)
		return thrift_fault_name(t.fault);
	return why || t.at == t.end ? why : "there is something behind it";
}

const char *jaeger_plan(const struct jaeger_source *source, struct otlp_made *ret, size_t *ret_at)
{
	struct writer w = { .has_scope = false };
	struct batch batch;
	const char *why = read_source(source, &batch, ret_at);

	if (why)
		return why;
	put_batch(&w, &batch);
	*ret = w.made;
	return NULL;
}

void jaeger_write(const struct jaeger_source *source, const struct otlp_made *plan, char *to)
{
	struct writer w = { .out = { to, plan->size, 0 } };
	struct batch batch;
	size_t at;
	const char *why = read_source(source, &batch, &at);

	OXP_ASSERT(!why);
	put_batch(&w, &batch);
	OXP_ASSERT(w.out.size == plan->size);
}
