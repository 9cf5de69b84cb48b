#include "proto/otlp_walk.h"

#include "base/text.h"

/* Messages on the way down, and what a field holds. A field's kind is either one of these messages or a leaf. */
enum {
	REQUEST, RESOURCE_SPANS, RESOURCE, SCOPE_SPANS, SCOPE, SPAN, EVENT, LINK, STATUS, KEY_VALUE, ANY_VALUE, ARRAY, KV_LIST, MESSAGES,
	LEAF = 32, NUMBER = LEAF, FIXED64, FIXED32, STRING, BYTES, ID_TRACE, ID_SPAN, ID_PARENT,
	FIELDS_MAX = 17, UNKNOWN = 255,
};
enum { WIRE_VARINT, WIRE_64, WIRE_LENGTH, WIRE_32 = 5 };
enum { SAW_TRACE = 1, SAW_SPAN = 2, SAW_BOTH = 3 };

/* kinds[message][field]; 0 (REQUEST) is nobody's child and stands for an unknown field. */
static const unsigned char kinds[MESSAGES][FIELDS_MAX] = {
	[REQUEST] = { [1] = RESOURCE_SPANS },
	[RESOURCE_SPANS] = { [1] = RESOURCE, [2] = SCOPE_SPANS, [3] = STRING },
	[RESOURCE] = { [1] = KEY_VALUE, [2] = NUMBER },
	[SCOPE_SPANS] = { [1] = SCOPE, [2] = SPAN, [3] = STRING },
	[SCOPE] = { [1] = STRING, [2] = STRING, [3] = KEY_VALUE, [4] = NUMBER },
	[SPAN] = { [1] = ID_TRACE, [2] = ID_SPAN, [3] = STRING, [4] = ID_PARENT, [5] = STRING, [6] = NUMBER, [7] = FIXED64,
		   [8] = FIXED64, [9] = KEY_VALUE, [10] = NUMBER, [11] = EVENT, [12] = NUMBER, [13] = LINK, [14] = NUMBER,
		   [15] = STATUS, [16] = FIXED32 },
	[EVENT] = { [1] = FIXED64, [2] = STRING, [3] = KEY_VALUE, [4] = NUMBER },
	[LINK] = { [1] = ID_TRACE, [2] = ID_SPAN, [3] = STRING, [4] = KEY_VALUE, [5] = NUMBER, [6] = FIXED32 },
	[STATUS] = { [2] = STRING, [3] = NUMBER },
	[KEY_VALUE] = { [1] = STRING, [2] = ANY_VALUE },
	[ANY_VALUE] = { [1] = STRING, [2] = NUMBER, [3] = NUMBER, [4] = FIXED64, [5] = ARRAY, [6] = KV_LIST, [7] = BYTES },
	[ARRAY] = { [1] = ANY_VALUE },
	[KV_LIST] = { [1] = KEY_VALUE },
};

const struct otlp_limits otlp_limits_default = { .depth = 32 };

static const char *const fault_names[OTLP_FAULTS] = {
	"fine", "cut short", "a varint that is too long", "a field with the wrong wire type", "a field numbered 0",
	"a string that is no UTF-8", "a trace id that is not 16 bytes or all zero", "a span id that is not 8 bytes or all zero",
	"a parent span id that is not 8 bytes", "nested too deep",
};

const char *otlp_fault_name(enum otlp_fault fault)
{
	return fault_names[fault];
}

struct walk {
	const unsigned char *at, *end;	/* of the message at hand */
	unsigned depth;
	struct { const unsigned char *end; unsigned char message, saw; } frames[OTLP_DEPTH_MAX];
};

/* False when it is cut or longer than 10 bytes. */
static inline bool varint(const unsigned char **at, const unsigned char *end, uint64_t *ret)
{
	const unsigned char *p = *at;
	uint64_t value = 0;

	if (LIKELY(p < end && *p < 0x80)) {
		*ret = *p;
		*at = p + 1;
		return true;
	}
	for (unsigned shift = 0; p < end && shift < 70; shift += 7) {
		value |= (uint64_t)(*p & 0x7f) << (shift & 63);
		if (!(*p++ & 0x80)) {
			*ret = value;
			*at = p;
			return true;
		}
	}
	return false;
}

static bool is_zero(const unsigned char *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (p[i])
			return false;
	return true;
}

static enum otlp_fault check_id(struct walk *w, const unsigned char *p, size_t size, unsigned kind)
{
	if (kind == ID_PARENT)
		return size == 0 || size == 8 ? OTLP_OK : OTLP_PARENT_ID;
	if (kind == ID_TRACE) {
		w->frames[w->depth].saw |= SAW_TRACE;
		return size == 16 && !is_zero(p, 16) ? OTLP_OK : OTLP_TRACE_ID;
	}
	w->frames[w->depth].saw |= SAW_SPAN;
	return size == 8 && !is_zero(p, 8) ? OTLP_OK : OTLP_SPAN_ID;
}

static enum otlp_fault push(struct walk *w, unsigned message, size_t size, const struct otlp_limits *limits)
{
	if (w->depth + 1 >= limits->depth)
		return OTLP_DEEP;
	w->depth++;
	w->frames[w->depth].end = w->at + size;
	w->frames[w->depth].message = (unsigned char)message;
	w->frames[w->depth].saw = 0;
	w->end = w->at + size;
	return OTLP_OK;
}

static enum otlp_fault length_field(struct walk *w, unsigned kind, const struct otlp_limits *limits)
{
	const unsigned char *p;
	uint64_t size;

	if (!varint(&w->at, w->end, &size))
		return OTLP_VARINT;
	if (size > (size_t)(w->end - w->at))
		return OTLP_CUT;
	if (kind && kind < LEAF)
		return push(w, kind, size, limits);
	p = w->at;
	w->at += size;
	if (kind == STRING)
		return utf8_valid((const char *)p, size) ? OTLP_OK : OTLP_UTF8;
	if (kind >= ID_TRACE)
		return check_id(w, p, size, kind);
	return kind == 0 || kind == BYTES ? OTLP_OK : OTLP_WIRE_TYPE;
}

static enum otlp_fault skip_fixed(struct walk *w, size_t size)
{
	if ((size_t)(w->end - w->at) < size)
		return OTLP_CUT;
	w->at += size;
	return OTLP_OK;
}

/* One field of the message at hand. */
static enum otlp_fault field(struct walk *w, const struct otlp_limits *limits)
{
	uint64_t tag, number;
	unsigned kind;

	if (!varint(&w->at, w->end, &tag))
		return OTLP_VARINT;
	number = tag >> 3;
	if (number == 0 || number > 0x1fffffff)
		return OTLP_FIELD_ZERO;
	kind = number < FIELDS_MAX ? kinds[w->frames[w->depth].message][number] : 0;
	switch (tag & 7) {
	case WIRE_LENGTH:
		return length_field(w, kind, limits);
	case WIRE_VARINT:
		if (kind && kind != NUMBER)
			return OTLP_WIRE_TYPE;
		return varint(&w->at, w->end, &number) ? OTLP_OK : OTLP_VARINT;
	case WIRE_64:
		return kind && kind != FIXED64 ? OTLP_WIRE_TYPE : skip_fixed(w, 8);
	case WIRE_32:
		return kind && kind != FIXED32 ? OTLP_WIRE_TYPE : skip_fixed(w, 4);
	default:
		return OTLP_WIRE_TYPE;
	}
}

static enum otlp_fault pop(struct walk *w, struct otlp_summary *sum)
{
	unsigned message = w->frames[w->depth].message, saw = w->frames[w->depth].saw;

	sum->resources += message == RESOURCE_SPANS;
	sum->scopes += message == SCOPE_SPANS;
	sum->spans += message == SPAN;
	w->depth--;
	w->end = w->frames[w->depth].end;
	if ((message == SPAN || message == LINK) && saw != SAW_BOTH)
		return saw & SAW_TRACE ? OTLP_SPAN_ID : OTLP_TRACE_ID;
	return OTLP_OK;
}

enum otlp_fault otlp_traces_check(const char *body, size_t size, const struct otlp_limits *limits, struct otlp_summary *ret,
				  size_t *ret_at)
{
	const unsigned char *start = (const unsigned char *)body;
	struct walk w = { .at = start, .end = start + size };
	enum otlp_fault fault = OTLP_OK;

	OXP_ASSERT(limits->depth <= OTLP_DEPTH_MAX);
	*ret = (struct otlp_summary){ 0 };
	w.frames[0].end = w.end;
	w.frames[0].message = REQUEST;
	while (!fault) {
		if (w.at < w.end)
			fault = field(&w, limits);
		else if (w.depth > 0)
			fault = pop(&w, ret);
		else
			break;
	}
	*ret_at = (size_t)(w.at - start);
	return fault;
}
