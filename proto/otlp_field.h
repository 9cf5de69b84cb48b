/*
 * The walk over an OTLP request on the wire, one field at a time. The check and the mending of a request share it; no
 * other file includes it.
 *
 * After a fault that can be mended the walk may go on. It is behind the field at fault then; but if a value is nested
 * too deep it is at the content of that value, which the caller skips.
 */
#ifndef OXP_OTLP_FIELD_H
#define OXP_OTLP_FIELD_H

#include "base/text.h"
#include "proto/otlp_fault.h"
#include "proto/otlp_wire.h"

/* What a field holds: a message, which is walked too, or a leaf. */
enum kind {
	REQUEST, RESOURCE_SPANS, RESOURCE, ENTITY, SCOPE_SPANS, SCOPE, SPAN, EVENT, LINK, STATUS, KEY_VALUE, ANY_VALUE,
	ARRAY, KV_LIST, MESSAGES,	/* from ARRAY on, a level of values */
	LEAF = 32, NUMBER = LEAF, FIXED64, FIXED32, STRING, BYTES, ID_TRACE, ID_SPAN, ID_PARENT,
	ID_LINK_TRACE, ID_LINK_SPAN,
	FIELDS_MAX = 17,
};
/* Tags and lengths are 32 bits; receivers refuse longer encodings, even if only zeros are added. */
enum { SHORT_VARINT = 5 };
enum { SAW_TRACE = 1, SAW_SPAN = 2, SAW_BOTH = 3 };

/* kinds[message][field]; 0 (REQUEST) is not part of any message and means an unknown field. */
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
	[LINK] = { [1] = ID_LINK_TRACE, [2] = ID_LINK_SPAN, [3] = STRING, [4] = KEY_VALUE, [5] = NUMBER,
		   [6] = FIXED32 },
	[STATUS] = { [2] = STRING, [3] = NUMBER },
	[KEY_VALUE] = { [1] = STRING, [2] = ANY_VALUE, [3] = NUMBER },
	[ANY_VALUE] = { [1] = STRING, [2] = NUMBER, [3] = NUMBER, [4] = FIXED64, [5] = ARRAY, [6] = KV_LIST,
			[7] = BYTES, [8] = NUMBER },
	[ARRAY] = { [1] = ANY_VALUE },
	[KV_LIST] = { [1] = KEY_VALUE },
};

static const enum otlp_fault varint_faults[] = {
	[WIRE_VARINT_OK] = OTLP_OK, [WIRE_VARINT_CUT] = OTLP_CUT, [WIRE_VARINT_LONG] = OTLP_VARINT,
};

/*
 * Invariant: at <= end <= the end of every frame above; end is the end of the message at hand, frames[depth]. `level`
 * of the frames are arrays and maps, at most OTLP_LEVELS_MAX. Nothing else can nest without end, so depth stays below
 * OTLP_DEPTH_MAX.
 */
struct walk {
	const unsigned char *at, *end;
	const unsigned char *field;	/* where the field at hand begins */
	const unsigned char *careful;	/* attributes before it are looked at one by one */
	unsigned depth, level;
	struct {
		const unsigned char *end;
		unsigned char message, saw;
	} frames[OTLP_DEPTH_MAX];
};

static inline void walk_start(struct walk *w, const char *body, size_t size)
{
	w->at = w->field = w->careful = (const unsigned char *)body;
	w->end = w->frames[0].end = size ? w->at + size : w->at;
	w->frames[0].message = REQUEST;
	w->depth = w->level = 0;
}

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
	size_t i = 0;

	if (size >= 8) {
		for (; i + 32 < size; i += 32)
			all |= load64(p + i) | load64(p + i + 8) | load64(p + i + 16) | load64(p + i + 24);
		for (; i + 8 < size; i += 8)
			all |= load64(p + i);
		all |= load64(p + size - 8);
	} else if (size >= 4) {
		all = load32(p) | load32(p + size - 4);
	} else if (size > 0) {
		all = p[0] | p[size / 2] | p[size - 1];
	}
	return !(all & 0x8080808080808080);
}

/* A link may lack ids or have them all zero (OpenTelemetry specification, "Link"), so only their sizes are checked. */
static inline enum otlp_fault check_id(struct walk *w, const unsigned char *p, size_t size, unsigned kind)
{
	if (kind == ID_PARENT)
		return size == 0 || size == 8 ? OTLP_OK : OTLP_PARENT_ID;
	if (kind == ID_TRACE) {
		w->frames[w->depth].saw |= SAW_TRACE;
		return size == 16 && (load64(p) | load64(p + 8)) ? OTLP_OK : OTLP_TRACE_ID;
	}
	if (kind == ID_SPAN) {
		w->frames[w->depth].saw |= SAW_SPAN;
		return size == 8 && load64(p) ? OTLP_OK : OTLP_SPAN_ID;
	}
	return size == 0 || size == (kind == ID_LINK_TRACE ? 16 : 8) ? OTLP_OK : OTLP_LINK_ID;
}

static inline enum otlp_fault push(struct walk *w, unsigned message, size_t size)
{
	if (UNLIKELY(message >= ARRAY)) {
		if (w->level == OTLP_LEVELS_MAX)
			return OTLP_DEEP;
		w->level++;
	}
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
 * Whether a KeyValue is like nearly all of them: a key and then a value, both short, plain and filling their messages.
 * Most of any request consists of these, and with this shortcut it takes three fifths of the time. Anything else is
 * left to the walk, which also finds the faults.
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

/* The size, with its tag and length, of an attribute that has a short key and a short text, whatever their bytes; 0 if
 * it is another. */
static inline size_t text_attribute(const unsigned char *p, const unsigned char *end, unsigned tag)
{
	const uint32_t text = 1 << 3 | WIRE_LENGTH, value = 2 << 3 | WIRE_LENGTH;
	size_t key, rest;

	if (end - p < 8 || p[0] != tag || p[1] > 0x7f || p[1] > end - p - 2)
		return 0;
	key = p[3];
	if (p[2] != text || key + 6 > p[1])
		return 0;
	rest = p[1] - key - 4u; /* the size of an AnyValue that fills it, and begins with the head of a text */
	if (load32(p + 4 + key) != (value | (uint32_t)rest << 8 | text << 16 | ((uint32_t)rest - 2) << 24))
		return 0;
	return p[1] + 2u;
}

/*
 * Attributes come in runs: this skips all that are plain and have this tag of one byte. Those with a text are first
 * read as far as lengths go. Then all of their bytes are checked at once: what is between their strings is ASCII, so
 * they are UTF-8 if the whole is. If it is not, none is skipped, and the walk goes through these one by one.
 */
static void skip_plain_attributes(struct walk *w, unsigned tag)
{
	const unsigned char *p = w->at;
	size_t size;

	if (tag > 0x7f || p < w->careful)
		return;
	for (;;) {
		while ((size = text_attribute(p, w->end, tag)) > 0)
			p += size;
		size = (size_t)(p - w->at);
		if (!is_ascii(w->at, size) && !utf8_valid((const char *)w->at, size))
			break;
		w->at = p;
		if (w->end - p < 2 || p[0] != tag || p[1] > 0x7f || p[1] > w->end - p - 2 ||
			!is_plain_attribute(p + 2, p[1]))
			return;
		w->at = p += 2 + p[1];
	}
	w->careful = p;
}

/* Nearly every span begins with the two ids. They are taken in one step. */
static inline bool skip_plain_ids(struct walk *w)
{
	const unsigned char *p = w->at;

	if (w->end - p < 28 || p[0] != (1 << 3 | WIRE_LENGTH) || p[1] != 16)
		return false;
	if (p[18] != (2 << 3 | WIRE_LENGTH) || p[19] != 8)
		return false;
	if (!(load64(p + 2) | load64(p + 10)) || !load64(p + 20))
		return false;
	w->frames[w->depth].saw = SAW_BOTH;
	w->at += 28;
	return true;
}

/* Behind them come, mostly, the parent's id, a short name, and the kind and both times, 20 bytes; then attributes. */
static inline void skip_plain_start(struct walk *w)
{
	const unsigned char *p = w->at, *end = w->end;

	if (end - p >= 10 && p[0] == (4 << 3 | WIRE_LENGTH) && p[1] == 8)
		p += 10;
	if (end - p < 2 || p[0] != (5 << 3 | WIRE_LENGTH) || p[1] > 0x7f || p[1] > end - p - 2 ||
		!is_ascii(p + 2, p[1]))
		return;
	p += 2 + p[1];
	if (end - p < 20 || p[0] != (6 << 3 | WIRE_VARINT) || p[1] > 0x7f || p[2] != (7 << 3 | WIRE_64) ||
		p[11] != (8 << 3 | WIRE_64))
		return;
	w->at = p + 20;
	skip_plain_attributes(w, 9 << 3 | WIRE_LENGTH);
}

static inline enum otlp_fault message_field(struct walk *w, unsigned kind, size_t size)
{
	enum otlp_fault fault;

	if (kind == KEY_VALUE && is_plain_attribute(w->at, size)) {
		w->at += size;
		skip_plain_attributes(w, *w->field);
		return OTLP_OK;
	}
	fault = push(w, kind, size);
	if (!fault && kind == SPAN && skip_plain_ids(w))
		skip_plain_start(w);
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

/* Ends the message at hand. */
static inline enum otlp_fault pop(struct walk *w, struct otlp_summary *sum)
{
	unsigned message = w->frames[w->depth].message, saw = w->frames[w->depth].saw;

	sum->spans += message == SPAN;
	w->field = w->at;
	w->depth--;
	if (UNLIKELY(message >= ARRAY))
		w->level--;
	w->end = w->frames[w->depth].end;
	if (message == SPAN && saw != SAW_BOTH)
		return saw & SAW_TRACE ? OTLP_SPAN_ID : OTLP_TRACE_ID;
	return OTLP_OK;
}

#endif
