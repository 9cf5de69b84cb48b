#include "proto/otlp_walk.h"

#include <errno.h>

#include "base/text.h"
#include "proto/otlp_wire.h"

/* What a field holds: a message that is walked in turn, or a leaf. */
enum kind {
	REQUEST, RESOURCE_SPANS, RESOURCE, ENTITY, SCOPE_SPANS, SCOPE, SPAN, EVENT, LINK, STATUS, KEY_VALUE, ANY_VALUE,
	ARRAY, KV_LIST, MESSAGES,
	LEAF = 32, NUMBER = LEAF, FIXED64, FIXED32, STRING, BYTES, ID_TRACE, ID_SPAN, ID_PARENT,
	FIELDS_MAX = 17,
};
/* Tags and lengths are 32 bits; receivers refuse them in more bytes than that takes, even of leading zeros. */
enum { SHORT_VARINT = 5 };
enum { SAW_TRACE = 1, SAW_SPAN = 2, SAW_BOTH = 3 };

/* kinds[message][field]; 0 (REQUEST) is nobody's child and stands for an unknown field. */
static const unsigned char kinds[MESSAGES][FIELDS_MAX] = {
	[REQUEST] = { [1] = RESOURCE_SPANS },
	[RESOURCE_SPANS] = { [1] = RESOURCE, [2] = SCOPE_SPANS, [3] = STRING },
	[RESOURCE] = { [1] = KEY_VALUE, [2] = NUMBER, [3] = ENTITY },
	[ENTITY] = { [1] = STRING, [2] = STRING, [3] = STRING, [4] = STRING },
	[SCOPE_SPANS] = { [1] = SCOPE, [2] = SPAN, [3] = STRING },
	[SCOPE] = { [1] = STRING, [2] = STRING, [3] = KEY_VALUE, [4] = NUMBER },
	[SPAN] = { [1] = ID_TRACE, [2] = ID_SPAN, [3] = STRING, [4] = ID_PARENT, [5] = STRING, [6] = NUMBER,
		   [7] = FIXED64, [8] = FIXED64, [9] = KEY_VALUE, [10] = NUMBER, [11] = EVENT, [12] = NUMBER,
		   [13] = LINK, [14] = NUMBER, [15] = STATUS, [16] = FIXED32 },
	[EVENT] = { [1] = FIXED64, [2] = STRING, [3] = KEY_VALUE, [4] = NUMBER },
	[LINK] = { [1] = ID_TRACE, [2] = ID_SPAN, [3] = STRING, [4] = KEY_VALUE, [5] = NUMBER, [6] = FIXED32 },
	[STATUS] = { [2] = STRING, [3] = NUMBER },
	[KEY_VALUE] = { [1] = STRING, [2] = ANY_VALUE, [3] = NUMBER },
	[ANY_VALUE] = { [1] = STRING, [2] = NUMBER, [3] = NUMBER, [4] = FIXED64, [5] = ARRAY, [6] = KV_LIST,
			[7] = BYTES, [8] = NUMBER },
	[ARRAY] = { [1] = ANY_VALUE },
	[KV_LIST] = { [1] = KEY_VALUE },
};

const struct otlp_limits otlp_limits_default = { .depth = 32 };

static const char *const fault_names[OTLP_FAULTS] = {
	[OTLP_OK] = "fine", [OTLP_CUT] = "cut short", [OTLP_VARINT] = "a varint that is too long",
	[OTLP_WIRE_TYPE] = "a field with the wrong wire type", [OTLP_GROUP] = "a group, which proto3 does not have",
	[OTLP_FIELD_NUMBER] = "a field number out of range", [OTLP_UTF8] = "a string that is no UTF-8",
	[OTLP_TRACE_ID] = "a trace id that is missing, not 16 bytes or all zero",
	[OTLP_SPAN_ID] = "a span id that is missing, not 8 bytes or all zero",
	[OTLP_PARENT_ID] = "a parent span id that is not 8 bytes", [OTLP_DEEP] = "nested too deep",
};

static const enum otlp_fault varint_faults[] = {
	[WIRE_VARINT_OK] = OTLP_OK, [WIRE_VARINT_CUT] = OTLP_CUT, [WIRE_VARINT_LONG] = OTLP_VARINT,
};

const char *otlp_fault_name(enum otlp_fault fault)
{
	return fault_names[fault];
}

/*
 * Invariant: at <= end <= the end of every frame above; end is the end of the message at hand, frames[depth], and depth
 * stays below limits->depth.
 */
struct walk {
	const unsigned char *at, *end;
	const unsigned char *field;	/* where the field at hand begins */
	unsigned depth, depth_max;
	struct { const unsigned char *end; unsigned char message, saw; } frames[OTLP_DEPTH_MAX];
};

static inline uint64_t load64(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof word);
	return word;
}

static inline uint32_t load32(const unsigned char *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof word);
	return word;
}

/* The last word overlaps the one before it, so that no tail is left. */
static inline bool is_ascii(const unsigned char *p, size_t size)
{
	uint64_t all = 0;

	if (size >= 8) {
		for (size_t i = 0; i + 8 < size; i += 8)
			all |= load64(p + i);
		all |= load64(p + size - 8);
	} else if (size >= 4) {
		all = load32(p) | load32(p + size - 4);
	} else if (size > 0) {
		all = p[0] | p[size / 2] | p[size - 1];
	}
	return !(all & 0x8080808080808080);
}

static inline enum otlp_fault check_id(struct walk *w, const unsigned char *p, size_t size, unsigned kind)
{
	if (kind == ID_PARENT)
		return size == 0 || size == 8 ? OTLP_OK : OTLP_PARENT_ID;
	if (kind == ID_TRACE) {
		w->frames[w->depth].saw |= SAW_TRACE;
		return size == 16 && (load64(p) | load64(p + 8)) ? OTLP_OK : OTLP_TRACE_ID;
	}
	w->frames[w->depth].saw |= SAW_SPAN;
	return size == 8 && load64(p) ? OTLP_OK : OTLP_SPAN_ID;
}

static enum otlp_fault push(struct walk *w, unsigned message, size_t size)
{
	if (w->depth + 1 >= w->depth_max)
		return OTLP_DEEP;
	w->depth++;
	w->end = w->at + size;
	w->frames[w->depth].end = w->end;
	w->frames[w->depth].message = (unsigned char)message;
	w->frames[w->depth].saw = 0;
	return OTLP_OK;
}

/* A value in an AnyValue of up to 127 bytes: a string of ASCII, a number of up to 35 bits, or a double. */
static inline bool is_plain_value(const unsigned char *p, size_t size)
{
	if (size < 2)
		return false;
	if (p[0] == (1 << 3 | WIRE_LENGTH))
		return p[1] == size - 2 && is_ascii(p + 2, size - 2);
	if (p[0] == (4 << 3 | WIRE_64))
		return size == 9;
	if ((p[0] != (2 << 3 | WIRE_VARINT) && p[0] != (3 << 3 | WIRE_VARINT)) || size > 6)
		return false;
	for (size_t i = 1; i + 1 < size; i++)
		if (p[i] < 0x80)
			return false;
	return p[size - 1] < 0x80;
}

/*
 * Whether a KeyValue is what nearly all are: a key and then a value, both short, plain and filling their messages. They
 * are most of any request, which takes three fifths of the time with this. The walk takes what is not so and finds any
 * fault.
 */
static inline bool is_plain_attribute(const unsigned char *p, size_t size)
{
	size_t key;

	if (size < 4 || p[0] != (1 << 3 | WIRE_LENGTH) || p[1] > 0x7f || p[1] + 4u > size)
		return false;
	key = p[1];
	size -= key + 4;
	if (p[key + 2] != (2 << 3 | WIRE_LENGTH) || p[key + 3] != size || size > 0x7f)
		return false;
	return is_ascii(p + 2, key) && is_plain_value(p + key + 4, size);
}

/* Attributes stand in rows: those behind a plain one that are plain too, and like it are tagged with one byte. */
static void skip_plain_attributes(struct walk *w)
{
	const unsigned char *p = w->at, *end = w->end, tag = *w->field;

	if (tag > 0x7f)
		return;
	while (end - p >= 2 && p[0] == tag && p[1] <= 0x7f && p[1] <= end - p - 2 && is_plain_attribute(p + 2, p[1]))
		p += 2 + p[1];
	w->at = p;
}

/* What nearly every span begins with, the two ids: taken in one step. */
static inline void skip_plain_ids(struct walk *w)
{
	const unsigned char *p = w->at;

	if (w->end - p < 28 || p[0] != (1 << 3 | WIRE_LENGTH) || p[1] != 16)
		return;
	if (p[18] != (2 << 3 | WIRE_LENGTH) || p[19] != 8)
		return;
	if (!(load64(p + 2) | load64(p + 10)) || !load64(p + 20))
		return;
	w->frames[w->depth].saw = SAW_BOTH;
	w->at += 28;
}

static inline enum otlp_fault message_field(struct walk *w, unsigned kind, size_t size)
{
	enum otlp_fault fault;

	if (kind == KEY_VALUE && w->depth + 2 < w->depth_max && is_plain_attribute(w->at, size)) {
		w->at += size;
		skip_plain_attributes(w);
		return OTLP_OK;
	}
	fault = push(w, kind, size);
	if (!fault && kind == SPAN)
		skip_plain_ids(w);
	return fault;
}

static inline enum otlp_fault length_field(struct walk *w, unsigned kind)
{
	const unsigned char *p = w->at;
	uint64_t size;
	enum wire_varint bad = wire_varint(&w->at, w->end, &size);

	if (UNLIKELY(bad))
		return varint_faults[bad];
	if (UNLIKELY(w->at - p > SHORT_VARINT))
		return OTLP_VARINT;
	if (size > (size_t)(w->end - w->at))
		return OTLP_CUT;
	if (kind && kind < LEAF)
		return message_field(w, kind, size);
	p = w->at;
	w->at += size;
	if (kind == STRING)
		return is_ascii(p, size) || utf8_valid((const char *)p, size) ? OTLP_OK : OTLP_UTF8;
	if (kind >= ID_TRACE)
		return check_id(w, p, size, kind);
	return kind == 0 || kind == BYTES ? OTLP_OK : OTLP_WIRE_TYPE;
}

static inline enum otlp_fault number_field(struct walk *w, unsigned kind)
{
	uint64_t number;

	if (kind && kind != NUMBER)
		return OTLP_WIRE_TYPE;
	return varint_faults[wire_varint(&w->at, w->end, &number)];
}

static inline enum otlp_fault fixed_field(struct walk *w, size_t size, bool fits)
{
	if (!fits)
		return OTLP_WIRE_TYPE;
	if ((size_t)(w->end - w->at) < size)
		return OTLP_CUT;
	w->at += size;
	return OTLP_OK;
}

/* One field of the message at hand. */
static inline enum otlp_fault field(struct walk *w)
{
	uint64_t tag;
	unsigned kind;
	enum wire_varint bad;

	w->field = w->at;
	bad = wire_varint(&w->at, w->end, &tag);
	if (UNLIKELY(bad))
		return varint_faults[bad];
	if (UNLIKELY(w->at - w->field > SHORT_VARINT))
		return OTLP_VARINT;
	if (UNLIKELY(tag >> 3 == 0 || tag >> 3 > WIRE_FIELD_MAX))
		return OTLP_FIELD_NUMBER;
	kind = tag >> 3 < FIELDS_MAX ? kinds[w->frames[w->depth].message][tag >> 3] : 0;
	switch (tag & 7) {
	case WIRE_LENGTH:
		return length_field(w, kind);
	case WIRE_VARINT:
		return number_field(w, kind);
	case WIRE_64:
		return fixed_field(w, 8, !kind || kind == FIXED64);
	case WIRE_32:
		return fixed_field(w, 4, !kind || kind == FIXED32);
	case WIRE_GROUP:
	case WIRE_GROUP_END:
		return OTLP_GROUP;
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
	w->field = w->at;
	w->depth--;
	w->end = w->frames[w->depth].end;
	if ((message == SPAN || message == LINK) && saw != SAW_BOTH)
		return saw & SAW_TRACE ? OTLP_SPAN_ID : OTLP_TRACE_ID;
	return OTLP_OK;
}

enum otlp_fault otlp_traces_check(const char *body, size_t size, const struct otlp_limits *limits,
				  struct otlp_summary *ret, size_t *ret_at)
{
	const unsigned char *start = (const unsigned char *)body;
	struct otlp_summary sum = { 0 };
	enum otlp_fault fault = OTLP_OK;
	struct walk w;

	OXP_ASSERT(limits->depth > 0 && limits->depth <= OTLP_DEPTH_MAX);
	w.at = w.field = start;
	w.end = w.frames[0].end = size ? start + size : start;
	w.frames[0].message = REQUEST;
	w.depth = 0;
	w.depth_max = limits->depth;
	while (!fault) {
		if (w.at < w.end)
			fault = field(&w);
		else if (w.depth > 0)
			fault = pop(&w, &sum);
		else
			break;
	}
	*ret = sum;
	*ret_at = fault ? (size_t)(w.field - start) : size;
	return fault;
}

/*
 * The spans one by one, for cold paths. A message that stands twice in a field that is not repeated ought to be merged;
 * here the last one counts, as no encoder writes two.
 */

/* The bytes of the last field `number` of a message, empty when there is none. */
static int last_bytes(struct bytes message, uint32_t number, struct bytes *ret)
{
	struct wire w = wire_of(message);
	struct wire_field f;
	int more;

	*ret = (struct bytes){ "", 0 };
	while ((more = wire_next(&w, &f)) > 0)
		if (f.number == number && f.type == WIRE_LENGTH)
			*ret = f.bytes;
	return more;
}

static int read_service(struct bytes resource, struct bytes *ret)
{
	struct wire w = wire_of(resource);
	struct bytes key, value;
	struct wire_field f;
	int more;

	*ret = (struct bytes){ "", 0 };
	while ((more = wire_next(&w, &f)) > 0) {
		if (f.number != 1 || f.type != WIRE_LENGTH)
			continue;
		if (last_bytes(f.bytes, 1, &key) || last_bytes(f.bytes, 2, &value))
			return -EBADMSG;
		if (bytes_are(key, "service.name") && last_bytes(value, 1, ret))
			return -EBADMSG;
	}
	return more;
}

static int read_status(struct bytes status, uint64_t *ret)
{
	struct wire w = wire_of(status);
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0)
		if (f.number == 3 && f.type == WIRE_VARINT)
			*ret = f.value;
	return more;
}

/* Where a field of a Span goes; what is not listed is read by whoever wants it. */
static struct bytes *text_of(struct otlp_span *s, uint32_t number)
{
	switch (number) {
	case 1: return &s->trace_id;
	case 2: return &s->span_id;
	case 4: return &s->parent_id;
	case 5: return &s->name;
	default: return NULL;
	}
}

static uint64_t *number_of(struct otlp_span *s, uint32_t number)
{
	switch (number) {
	case 6: return &s->kind;
	case 7: return &s->start_ns;
	case 8: return &s->end_ns;
	default: return NULL;
	}
}

/* The ids are promised to have their sizes. */
static bool sizes_fit(const struct otlp_span *s)
{
	return s->trace_id.size == 16 && s->span_id.size == 8 && (s->parent_id.size == 0 || s->parent_id.size == 8);
}

static int read_span(struct otlp_span *s)
{
	const struct bytes none = { "", 0 };
	struct wire w = wire_of(s->span);
	struct wire_field f;
	int more;

	s->trace_id = s->span_id = s->parent_id = s->name = none;
	s->kind = s->status = s->start_ns = s->end_ns = 0;
	while ((more = wire_next(&w, &f)) > 0) {
		struct bytes *text = f.type == WIRE_LENGTH ? text_of(s, f.number) : NULL;
		uint64_t *number = f.type == WIRE_VARINT || f.type == WIRE_64 ? number_of(s, f.number) : NULL;
		if (text)
			*text = f.bytes;
		if (number)
			*number = f.value;
		if (f.type == WIRE_LENGTH && f.number == 15 && read_status(f.bytes, &s->status))
			return -EBADMSG;
	}
	return !more && sizes_fit(s) ? 0 : -EBADMSG;
}

struct visit { int (*span)(void *, const struct otlp_span *); void *context; };

static int each_of_scope(struct bytes scope_spans, struct otlp_span *s, const struct visit *visit)
{
	struct wire w = wire_of(scope_spans);
	struct wire_field f;
	int more = last_bytes(scope_spans, 1, &s->scope);

	if (more)
		return more;
	while ((more = wire_next(&w, &f)) > 0) {
		int answer;
		if (f.number != 2 || f.type != WIRE_LENGTH)
			continue;
		s->span = f.bytes;
		answer = read_span(s);
		answer = answer ? answer : visit->span(visit->context, s);
		if (answer)
			return answer;
	}
	return more;
}

static int each_of_resource(struct bytes resource_spans, const struct visit *visit)
{
	struct wire w = wire_of(resource_spans);
	struct otlp_span s;
	struct wire_field f;
	int more = last_bytes(resource_spans, 1, &s.resource);

	if (more || (more = read_service(s.resource, &s.service)))
		return more;
	while ((more = wire_next(&w, &f)) > 0) {
		int answer = f.number == 2 && f.type == WIRE_LENGTH ? each_of_scope(f.bytes, &s, visit) : 0;
		if (answer)
			return answer;
	}
	return more;
}

int otlp_traces_each(struct bytes body, int (*visit)(void *, const struct otlp_span *), void *context)
{
	const struct visit whom = { visit, context };
	struct wire w = wire_of(body);
	struct wire_field f;
	int more;

	while ((more = wire_next(&w, &f)) > 0) {
		int answer = f.number == 1 && f.type == WIRE_LENGTH ? each_of_resource(f.bytes, &whom) : 0;
		if (answer)
			return answer;
	}
	return more;
}
