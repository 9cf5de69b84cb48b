/*
 * Thrift on the wire: the binary and the compact protocol behind one cursor. It allocates nothing, does not recurse,
 * and never reads beyond its slice.
 *
 * A fault stays: after the first one every value is 0 or empty and every struct and list has ended. So a reader looks
 * at `fault` once, at the end. What a caller does not know it skips, whatever it holds, within THRIFT_DEPTH_MAX levels.
 * A list announces no more elements than the bytes behind it can hold, so a loop over it ends soon.
 *
 *	struct thrift_field f = { 0 };
 *	while (thrift_field(t, &f))
 *		if (f.id == 1 && f.type == THRIFT_STRING)
 *			name = thrift_string(t);
 *		else
 *			thrift_skip(t, &f);
 *
 * (Apache Thrift, "Thrift Binary protocol encoding" and "Thrift Compact protocol encoding".)
 */
#ifndef OXP_THRIFT_H
#define OXP_THRIFT_H

#include "base/bytes.h"

enum thrift_protocol { THRIFT_BINARY, THRIFT_COMPACT };

/* As the binary protocol numbers them. */
enum thrift_type {
	THRIFT_STOP = 0,
	THRIFT_BOOL = 2,
	THRIFT_BYTE = 3,
	THRIFT_DOUBLE = 4,
	THRIFT_I16 = 6,
	THRIFT_I32 = 8,
	THRIFT_I64 = 10,
	THRIFT_STRING = 11, /* bytes */
	THRIFT_STRUCT = 12,
	THRIFT_MAP = 13,
	THRIFT_SET = 14,
	THRIFT_LIST = 15,
	THRIFT_UUID = 16,
};

enum thrift_fault {
	THRIFT_OK,
	THRIFT_CUT, /* it ends too early, or a length is larger than what is left */
	THRIFT_NUMBER, /* a number that is longer than its type */
	THRIFT_TYPE, /* a type that there is not, or a field id out of range */
	THRIFT_DEEP,
	THRIFT_MESSAGE, /* it does not begin as a message of this protocol */
	THRIFT_FAULTS
};

enum { THRIFT_DEPTH_MAX = 64 }; /* structs and containers in each other, of what is skipped */

/* A copy is a bookmark: reading goes on from there. */
struct thrift {
	const unsigned char *at, *end;
	enum thrift_protocol protocol;
	enum thrift_fault fault;
};

/* The field at hand. {0} before the first one of a struct. */
struct thrift_field {
	enum thrift_type type;
	int16_t id;
	bool is; /* the value, if the type is BOOL: it need not be read */
};

struct thrift_list {
	enum thrift_type type; /* of its elements */
	uint32_t count;
};

static inline struct thrift thrift_of(enum thrift_protocol protocol, struct bytes bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.data;

	return (struct thrift){ .at = p, .end = bytes.size ? p + bytes.size : p, .protocol = protocol };
}

const char *thrift_fault_name(enum thrift_fault fault); /* in words */

/* The head of a message: its name, which its arguments follow as a struct. */
struct bytes thrift_message(struct thrift *);
/* The next field of a struct. False: the struct has ended. */
bool thrift_field(struct thrift *, struct thrift_field *);

/* The value of a field, or an element of a list. */
int32_t thrift_i32(struct thrift *);
int64_t thrift_i64(struct thrift *);
double thrift_double(struct thrift *);
struct bytes thrift_string(struct thrift *);
struct thrift_list thrift_list(struct thrift *);

/* Passes over the value of a field, or over what is left of a list: `count` elements. */
void thrift_skip(struct thrift *, const struct thrift_field *);
void thrift_skip_list(struct thrift *, struct thrift_list);

#endif
