#include "proto/otlp_spans.h"

/* Numbers of fields (opentelemetry-proto 1.x, trace.proto, common.proto, resource.proto). */
enum {
	REQUEST_RESOURCE_SPANS = 1,
	RESOURCE_SPANS_RESOURCE = 1,
	RESOURCE_SPANS_SCOPE_SPANS = 2,
	SCOPE_SPANS_SPAN = 2,
	RESOURCE_ATTRIBUTE = 1,
	SPAN_TRACE_ID = 1,
	SPAN_SPAN_ID = 2,
	SPAN_PARENT_ID = 4,
	SPAN_NAME = 5,
	SPAN_KIND = 6,
	SPAN_START = 7,
	SPAN_END = 8,
	SPAN_ATTRIBUTE = 9,
	SPAN_STATUS = 15,
	STATUS_CODE = 3,
	SPAN_ATTRIBUTE_TAG = SPAN_ATTRIBUTE << 3 | WIRE_LENGTH,
	SHORT_MAX = 0x7f, /* a length of one byte */
	IDS = 2 + 16 + 2 + 8, /* both ids with their tags and lengths */
	STEP = 4, /* bytes that passing a field counts for, beside those of a span */
	SMALL_FIELDS_MAX = 64, /* read of a Status or KeyValue, which have three */
};

static const struct bytes none = { "", 0 };

/* wire_next() (otlp_wire.h) where it is needed for each field of each span. False: the message is broken. */
static inline __attribute__((always_inline)) bool next(struct wire *w, struct wire_field *f)
{
	uint64_t tag;

	if (UNLIKELY(wire_varint(&w->at, w->end, &tag)))
		return false;
	f->number = (uint32_t)(tag >> 3);
	f->type = (enum wire_type)(tag & 7);
	if (f->type == WIRE_VARINT)
		return wire_varint(&w->at, w->end, &f->value) == WIRE_VARINT_OK;
	f->value = f->type == WIRE_64 ? 8 : 4;
	if (f->type == WIRE_LENGTH && UNLIKELY(wire_varint(&w->at, w->end, &f->value)))
		return false;
	if (UNLIKELY(f->type == WIRE_GROUP || f->type == WIRE_GROUP_END || f->value > (size_t)(w->end - w->at)))
		return false;
	f->bytes = (struct bytes){ (const char *)w->at, f->value };
	w->at += f->value;
	return true;
}

static uint64_t fixed64(struct bytes b)
{
	uint64_t value;

	memcpy(&value, b.data, sizeof value); /* little endian, as the host is */
	return value;
}

static uint64_t read_status(struct bytes status)
{
	struct wire w = wire_of(status);
	struct wire_field f;
	uint64_t code = 0;

	for (int left = SMALL_FIELDS_MAX; left > 0 && w.at < w.end && next(&w, &f); left--)
		if (f.number == STATUS_CODE && f.type == WIRE_VARINT)
			code = f.value;
	return code;
}

static inline void take_text(struct otlp_span *s, const struct wire_field *f)
{
	switch (f->number) {
	case SPAN_TRACE_ID:
		s->trace_id = f->bytes;
		break;
	case SPAN_SPAN_ID:
		s->span_id = f->bytes;
		break;
	case SPAN_PARENT_ID:
		s->parent_id = f->bytes;
		break;
	case SPAN_NAME:
		s->name = f->bytes;
		break;
	case SPAN_STATUS:
		s->status = read_status(f->bytes);
		break;
	}
}

/* Nearly every span begins with its two ids. */
static inline void take_ids(struct wire *w, struct otlp_span *s)
{
	const unsigned char *p = w->at;

	if (w->end - p < IDS || p[0] != (SPAN_TRACE_ID << 3 | WIRE_LENGTH) || p[1] != 16)
		return;
	if (p[18] != (SPAN_SPAN_ID << 3 | WIRE_LENGTH) || p[19] != 8)
		return;
	s->trace_id = (struct bytes){ (const char *)p + 2, 16 };
	s->span_id = (struct bytes){ (const char *)p + 20, 8 };
	w->at += IDS;
}

/* Whether a short attribute comes next, as most of a span is; it is passed. */
static inline bool pass_attribute(struct wire *w)
{
	const unsigned char *p = w->at;

	if (w->end - p < 2 || p[0] != SPAN_ATTRIBUTE_TAG || p[1] > SHORT_MAX || p[1] > w->end - p - 2)
		return false;
	w->at = p + 2 + p[1];
	return true;
}

static inline void take_number(struct otlp_span *s, const struct wire_field *f)
{
	if (f->number == SPAN_KIND && f->type == WIRE_VARINT)
		s->kind = f->value;
	else if (f->number == SPAN_START && f->type == WIRE_64)
		s->start_ns = fixed64(f->bytes);
	else if (f->number == SPAN_END && f->type == WIRE_64)
		s->end_ns = fixed64(f->bytes);
}

static void read_span(struct otlp_span *s)
{
	struct wire w = wire_of(s->span);
	struct wire_field f;

	take_ids(&w, s);
	for (int left = OTLP_SPAN_FIELDS_MAX; left > 0 && w.at < w.end; left--) {
		if (pass_attribute(&w))
			continue;
		if (!next(&w, &f))
			break;
		if (f.type == WIRE_LENGTH)
			take_text(s, &f);
		else
			take_number(s, &f);
	}
}

void otlp_spans_begin(struct otlp_spans *c, struct bytes body)
{
	const struct wire over = { NULL, NULL };

	*c = (struct otlp_spans){ .request = wire_of(body), over, over, none };
}

/* The innermost message that has something left; NULL at the end. */
static struct wire *innermost(struct otlp_spans *c)
{
	if (c->scope_spans.at < c->scope_spans.end)
		return &c->scope_spans;
	if (c->resource_spans.at < c->resource_spans.end)
		return &c->resource_spans;
	return c->request.at < c->request.end ? &c->request : NULL;
}

static void enter(struct otlp_spans *c, const struct wire *around, const struct wire_field *f)
{
	if (around == &c->request && f->number == REQUEST_RESOURCE_SPANS) {
		c->resource_spans = wire_of(f->bytes);
		c->resource = none;
	} else if (around == &c->resource_spans && f->number == RESOURCE_SPANS_RESOURCE) {
		c->resource = f->bytes;
	} else if (around == &c->resource_spans && f->number == RESOURCE_SPANS_SCOPE_SPANS) {
		c->scope_spans = wire_of(f->bytes);
	}
}

enum otlp_spans_answer otlp_spans_next(struct otlp_spans *c, size_t *bytes, struct otlp_span *ret)
{
	struct wire_field f;
	struct wire *w;

	while ((w = innermost(c))) {
		if (*bytes == 0)
			return OTLP_SPANS_PAUSE;
		if (!next(w, &f))
			break;
		if (w != &c->scope_spans || f.number != SCOPE_SPANS_SPAN || f.type != WIRE_LENGTH) {
			*bytes -= *bytes < STEP ? *bytes : STEP;
			if (f.type == WIRE_LENGTH)
				enter(c, w, &f);
			continue;
		}
		*bytes -= *bytes < STEP + f.bytes.size ? *bytes : STEP + f.bytes.size;
		*ret = (struct otlp_span){ .resource = c->resource,
			.scope = none,
			.span = f.bytes,
			.service = none,
			.name = none,
			.trace_id = none,
			.span_id = none,
			.parent_id = none };
		read_span(ret);
		return OTLP_SPANS_ONE;
	}
	otlp_spans_begin(c, none);
	return OTLP_SPANS_END;
}

/* The value of a KeyValue with that key; without data if it has another. */
static struct bytes value_if(struct bytes pair, struct bytes key)
{
	struct bytes found = none, value = none;
	struct wire w = wire_of(pair);
	struct wire_field f = { 0 };

	for (int left = SMALL_FIELDS_MAX; left > 0 && w.at < w.end && next(&w, &f); left--) {
		if (f.type == WIRE_LENGTH && f.number == 1)
			found = f.bytes;
		else if (f.type == WIRE_LENGTH && f.number == 2)
			value = f.bytes;
	}
	return bytes_equal(found, key) ? value : (struct bytes){ NULL, 0 };
}

/* Whether a KeyValue of at least four bytes is like nearly all of them, a short key and a short value that fill it, and
 * has another key. */
static inline bool is_plain_other(struct bytes pair, struct bytes key)
{
	const unsigned char *p = (const unsigned char *)pair.data;
	size_t size = p[1];

	if (p[0] != (1 << 3 | WIRE_LENGTH) || size > SHORT_MAX || size + 4 > pair.size)
		return false;
	if (p[size + 2] != (2 << 3 | WIRE_LENGTH) || p[size + 3] != pair.size - size - 4)
		return false;
	return size != key.size || memcmp(p + 2, key.data, size) != 0;
}

static struct bytes find_attribute(struct bytes message, unsigned number, struct bytes key)
{
	struct wire w = wire_of(message);
	struct bytes value;
	struct wire_field f;

	for (int left = OTLP_SPAN_FIELDS_MAX; left > 0 && w.at < w.end && next(&w, &f); left--) {
		if (f.number != number || f.type != WIRE_LENGTH || f.bytes.size < key.size)
			continue;
		if (f.bytes.size >= 4 && is_plain_other(f.bytes, key))
			continue;
		value = value_if(f.bytes, key);
		if (value.data)
			return value;
	}
	return none;
}

struct bytes otlp_span_attribute(struct bytes span, struct bytes key)
{
	return find_attribute(span, SPAN_ATTRIBUTE, key);
}

struct bytes otlp_resource_attribute(struct bytes resource, struct bytes key)
{
	return find_attribute(resource, RESOURCE_ATTRIBUTE, key);
}
