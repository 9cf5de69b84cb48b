/*
 * Writes OTLP messages on the wire, into memory of the caller's. Nothing is allocated.
 *
 *	size_t span = otlp_build_begin(b, 2);		ScopeSpans.spans
 *	otlp_build_text(b, 5, name);			Span.name
 *	otlp_build_attribute(b, 9, key, &value);	Span.attributes
 *	otlp_build_end(b, span);
 *
 * A message is written where it will stand, behind one byte for its length; if the length takes more bytes, end() moves
 * the content. So everything has its shortest form. Strings are mended (utf8_mend()), so what is written passes
 * otlp_traces_check() if ids have their sizes and values are not nested too deep. A field is written even if its value
 * is the default of proto3; the caller leaves it out.
 *
 * `size` goes on beyond `room`, as the result of snprintf() does. So the same calls first count, with no memory at all,
 * and then write into exactly as much.
 *
 * Invariant: the first `size` of `room` bytes are written, if `size` is not larger; otherwise what is there is
 * undefined.
 */
#ifndef OXP_OTLP_BUILD_H
#define OXP_OTLP_BUILD_H

#include "base/bytes.h"
#include "proto/otlp_wire.h"

struct otlp_build {
	char *to; /* may be NULL if `room` is 0 */
	size_t room, size;
};

/* In the order of the fields of AnyValue (opentelemetry-proto 1.x, common.proto). */
enum otlp_value_type {
	OTLP_VALUE_EMPTY, /* no field: null */
	OTLP_VALUE_TEXT,
	OTLP_VALUE_BOOL,
	OTLP_VALUE_INT,
	OTLP_VALUE_DOUBLE,
	OTLP_VALUE_ARRAY, /* begun and ended by the caller, whose fields 1 are AnyValue */
	OTLP_VALUE_MAP, /* the same, with KeyValue */
	OTLP_VALUE_BYTES,
};

/* A value that is no message. */
struct otlp_value {
	enum otlp_value_type type;
	union {
		struct bytes bytes; /* of TEXT and BYTES */
		int64_t number; /* of INT, and of BOOL: 0 or 1 */
		double real;
	};
};

static inline struct otlp_value otlp_text(struct bytes text)
{
	return (struct otlp_value){ .type = OTLP_VALUE_TEXT, .bytes = text };
}

static inline struct otlp_value otlp_int(int64_t number)
{
	return (struct otlp_value){ .type = OTLP_VALUE_INT, .number = number };
}

static inline struct otlp_value otlp_bool(bool is)
{
	return (struct otlp_value){ .type = OTLP_VALUE_BOOL, .number = is };
}

static inline struct otlp_value otlp_double(double real)
{
	return (struct otlp_value){ .type = OTLP_VALUE_DOUBLE, .real = real };
}

/* Where `size` more bytes go; NULL if they are only counted. */
static inline char *otlp_build_claim(struct otlp_build *b, size_t size)
{
	bool fits = b->size <= b->room && size <= b->room - b->size;
	char *to = fits && size > 0 ? b->to + b->size : NULL;

	b->size += size;
	return to;
}

/* Bytes as they are: a part of a text, say, between its begin() and end(). */
static inline void otlp_build_raw(struct otlp_build *b, struct bytes bytes)
{
	char *to = otlp_build_claim(b, bytes.size);

	if (to)
		memcpy(to, bytes.data, bytes.size);
}

static inline void otlp_build_varint(struct otlp_build *b, uint64_t value)
{
	char *to = otlp_build_claim(b, wire_varint_size(value));

	if (!to)
		return;
	for (; value > 0x7f; value >>= 7)
		*to++ = (char)(value | 0x80);
	*to = (char)value;
}

static inline void otlp_build_tag(struct otlp_build *b, unsigned field, enum wire_type type)
{
	otlp_build_varint(b, (uint64_t)field << 3 | type);
}

/* Fields of the message at hand. */

static inline void otlp_build_number(struct otlp_build *b, unsigned field, uint64_t value)
{
	otlp_build_tag(b, field, WIRE_VARINT);
	otlp_build_varint(b, value);
}

void otlp_build_fixed64(struct otlp_build *, unsigned field, uint64_t value);
void otlp_build_bytes(struct otlp_build *, unsigned field, struct bytes);
void otlp_build_text(struct otlp_build *, unsigned field, struct bytes text); /* mended */

static inline void otlp_build_fixed32(struct otlp_build *b, unsigned field, uint32_t value)
{
	char *to;

	otlp_build_tag(b, field, WIRE_32);
	to = otlp_build_claim(b, sizeof value);
	for (unsigned i = 0; to && i < sizeof value; i++)
		to[i] = (char)(value >> 8 * i);
}

/* A message in a field. Returns what end() is given once its own fields are written. */
static inline size_t otlp_build_begin(struct otlp_build *b, unsigned field)
{
	otlp_build_tag(b, field, WIRE_LENGTH);
	(void)otlp_build_claim(b, 1);
	return b->size;
}

void otlp_build_end(struct otlp_build *, size_t begun);

/* The same for a message whose length will likely take that many bytes, which are left for it, so that its content need
 * not be moved. It is moved if the length takes fewer, too; until then there has to be room for them. */
static inline size_t otlp_build_begin_as(struct otlp_build *b, unsigned field, size_t length)
{
	otlp_build_tag(b, field, WIRE_LENGTH);
	(void)otlp_build_claim(b, length);
	return b->size;
}

void otlp_build_end_as(struct otlp_build *, size_t begun, size_t length);

/* Takes back whatever was written since `size` was that. A message that was begun since must not be ended. */
static inline void otlp_build_cut(struct otlp_build *b, size_t size)
{
	OXP_ASSERT(size <= b->size);
	b->size = size;
}

/* Values. */

/* The field of the AnyValue at hand. */
void otlp_build_value(struct otlp_build *, const struct otlp_value *);

/* A KeyValue in a field: between the two calls its AnyValue is at hand. */
struct otlp_attribute {
	size_t pair, value;
};

static inline struct otlp_attribute otlp_build_attribute_begin(struct otlp_build *b, unsigned field, struct bytes key)
{
	struct otlp_attribute begun = { .pair = otlp_build_begin(b, field) };

	otlp_build_text(b, 1, key);
	begun.value = otlp_build_begin(b, 2);
	return begun;
}

static inline void otlp_build_attribute_end(struct otlp_build *b, struct otlp_attribute begun)
{
	otlp_build_end(b, begun.value);
	otlp_build_end(b, begun.pair);
}

static inline void otlp_build_attribute(
	struct otlp_build *b, unsigned field, struct bytes key, const struct otlp_value *value)
{
	struct otlp_attribute begun = otlp_build_attribute_begin(b, field, key);

	otlp_build_value(b, value);
	otlp_build_attribute_end(b, begun);
}

#endif
