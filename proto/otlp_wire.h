/*
 * The Protocol Buffers wire format, one field at a time: tag, then a varint, 4 or 8 bytes, or a length and bytes.
 *
 * A reader stays within its slice, allocates nothing and never reads a byte twice. Groups are refused: proto3 has none.
 * Varints of more than 10 bytes or 64 bits are refused, since backends disagree on what they mean.
 */
#ifndef OXP_OTLP_WIRE_H
#define OXP_OTLP_WIRE_H

#include "base/bytes.h"

enum wire_type { WIRE_VARINT, WIRE_64, WIRE_LENGTH, WIRE_GROUP, WIRE_GROUP_END, WIRE_32 };
enum { WIRE_FIELD_MAX = 0x1fffffff };

enum wire_varint { WIRE_VARINT_OK, WIRE_VARINT_CUT, WIRE_VARINT_LONG };

/* Moves *at behind the varint. False if it is not valid, and both are as they were. */
static inline enum wire_varint wire_varint(const unsigned char **at, const unsigned char *end, uint64_t *ret)
{
	const unsigned char *p = *at;
	uint64_t value = 0;

	if (LIKELY(p < end && *p < 0x80)) {
		*ret = *p;
		*at = p + 1;
		return WIRE_VARINT_OK;
	}
	for (unsigned shift = 0; shift < 70; shift += 7) {
		if (p == end)
			return WIRE_VARINT_CUT;
		if (shift == 63 && *p > 1)
			return WIRE_VARINT_LONG;
		value |= (uint64_t)(*p & 0x7f) << shift;
		if (!(*p++ & 0x80)) {
			*ret = value;
			*at = p;
			return WIRE_VARINT_OK;
		}
	}
	return WIRE_VARINT_LONG;
}

/* How many bytes it takes in its shortest form. */
static inline size_t wire_varint_size(uint64_t value)
{
	return 1 + (unsigned)(63 - __builtin_clzll(value | 1)) / 7;
}

/* Of sint32 and sint64: numbers near 0 of either sign are short. */
static inline int64_t wire_unzigzag(uint64_t value)
{
	return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static inline uint64_t wire_zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

struct wire {
	const unsigned char *at, *end;
};

struct wire_field {
	uint32_t number;
	enum wire_type type;
	uint64_t value; /* of a varint and of the fixed ones */
	struct bytes bytes; /* of WIRE_LENGTH */
};

static inline struct wire wire_of(struct bytes message)
{
	const unsigned char *p = (const unsigned char *)message.data;

	return (struct wire){ p, (const unsigned char *)((uintptr_t)p + message.size) }; /* also of NULL and 0 */
}

/* 1 with the next field, 0 at the end, -EBADMSG. */
int wire_next(struct wire *, struct wire_field *ret) MUST_CHECK;
/* The last field of bytes with that number, which is the one that counts; empty if there is none. If the message cannot
 * be read to its end, fields up to there count, and *broken becomes true; it may be NULL. */
struct bytes wire_last(struct bytes message, uint32_t number, bool *broken);

#endif
