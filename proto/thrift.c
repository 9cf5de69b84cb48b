#include "proto/thrift.h"

enum {
	VERSION_MASK = 0xffff0000, /* of the binary protocol */
	VERSION_1 = 0x80010000,
	COMPACT_ID = 0x82, /* of the compact one */
	COMPACT_VERSION = 1,
	COMPACT_VERSION_MASK = 0x1f,
	LONG_LIST = 15,
	UUID_SIZE = 16,
};

static const char *const fault_names[THRIFT_FAULTS] = {
	[THRIFT_OK] = "fine",
	[THRIFT_CUT] = "cut short, or a length beyond its end",
	[THRIFT_NUMBER] = "a number longer than its type",
	[THRIFT_TYPE] = "an unknown type or an impossible field id",
	[THRIFT_DEEP] = "nested deeper than 64 levels",
	[THRIFT_MESSAGE] = "no message of this protocol",
};

/* Types of the compact protocol. Its two values of a bool are types of fields; in a list, 1 and 2 both say bool. */
static const unsigned char compact_types[] = { THRIFT_STOP, THRIFT_BOOL, THRIFT_BOOL, THRIFT_BYTE, THRIFT_I16,
	THRIFT_I32, THRIFT_I64, THRIFT_DOUBLE, THRIFT_STRING, THRIFT_LIST, THRIFT_SET, THRIFT_MAP, THRIFT_STRUCT,
	THRIFT_UUID };

/* The least that a value takes. 0: there is no such type. */
static const unsigned char least[2][THRIFT_UUID + 1] = {
	[THRIFT_BINARY] = { [THRIFT_BOOL] = 1,
		[THRIFT_BYTE] = 1,
		[THRIFT_DOUBLE] = 8,
		[THRIFT_I16] = 2,
		[THRIFT_I32] = 4,
		[THRIFT_I64] = 8,
		[THRIFT_STRING] = 4,
		[THRIFT_STRUCT] = 1,
		[THRIFT_MAP] = 6,
		[THRIFT_SET] = 5,
		[THRIFT_LIST] = 5,
		[THRIFT_UUID] = UUID_SIZE },
	[THRIFT_COMPACT] = { [THRIFT_BOOL] = 1,
		[THRIFT_BYTE] = 1,
		[THRIFT_DOUBLE] = 8,
		[THRIFT_I16] = 1,
		[THRIFT_I32] = 1,
		[THRIFT_I64] = 1,
		[THRIFT_STRING] = 1,
		[THRIFT_STRUCT] = 1,
		[THRIFT_MAP] = 1,
		[THRIFT_SET] = 1,
		[THRIFT_LIST] = 1,
		[THRIFT_UUID] = UUID_SIZE },
};

const char *thrift_fault_name(enum thrift_fault fault)
{
	return fault_names[fault];
}

/* The first fault stays, and nothing is left to read. `at` is where it was found. */
static void fail(struct thrift *t, enum thrift_fault fault)
{
	if (t->fault == THRIFT_OK)
		t->fault = fault;
	t->end = t->at;
}

static size_t left(const struct thrift *t)
{
	return (size_t)(t->end - t->at);
}

/* That many bytes, or NULL. */
static inline const unsigned char *take(struct thrift *t, size_t size)
{
	const unsigned char *p = t->at;

	if (UNLIKELY(size > left(t))) {
		fail(t, THRIFT_CUT);
		return NULL;
	}
	t->at += size;
	return p;
}

static inline uint64_t big_endian(struct thrift *t, size_t size)
{
	const unsigned char *p = take(t, size);
	uint64_t value = 0;

	if (p)
		memcpy((char *)&value + sizeof value - size, p, size);
	return __builtin_bswap64(value);
}

/* Of `bits` bits: no more bytes than that takes, and no larger number. */
static uint64_t varint(struct thrift *t, unsigned bits)
{
	uint64_t value = 0;

	if (LIKELY(t->at < t->end && *t->at < 0x80))
		return *t->at++;
	for (unsigned shift = 0; shift < bits; shift += 7) {
		const unsigned char *p = take(t, 1);
		if (!p)
			return 0;
		if (bits - shift < 7 && *p >> (bits - shift))
			break;
		value |= (uint64_t)(*p & 0x7f) << shift;
		if (*p < 0x80)
			return value;
	}
	fail(t, THRIFT_NUMBER);
	return 0;
}

static int64_t zigzag(uint64_t value)
{
	return (int64_t)(value >> 1 ^ -(value & 1));
}

int32_t thrift_i32(struct thrift *t)
{
	return (int32_t)(t->protocol == THRIFT_BINARY ? (int64_t)big_endian(t, 4) : zigzag(varint(t, 32)));
}

int64_t thrift_i64(struct thrift *t)
{
	return t->protocol == THRIFT_BINARY ? (int64_t)big_endian(t, 8) : zigzag(varint(t, 64));
}

/* Big-endian in the binary protocol and little-endian in the compact one. */
double thrift_double(struct thrift *t)
{
	uint64_t bits = big_endian(t, 8);
	double value;

	if (t->protocol == THRIFT_COMPACT)
		bits = __builtin_bswap64(bits);
	memcpy(&value, &bits, sizeof value);
	return value;
}

/* A length or count. It has no sign, but those that are written with one are 32 bits, too. */
static uint32_t size_of(struct thrift *t)
{
	return (uint32_t)(t->protocol == THRIFT_BINARY ? big_endian(t, 4) : varint(t, 32));
}

struct bytes thrift_string(struct thrift *t)
{
	uint32_t size = size_of(t);
	const unsigned char *p = take(t, size);

	return p ? (struct bytes){ (const char *)p, size } : (struct bytes){ "", 0 };
}

static enum thrift_type type_of(struct thrift *t, unsigned number)
{
	if (t->protocol == THRIFT_COMPACT)
		number = number < sizeof compact_types ? compact_types[number] : UINT8_MAX;
	if (number <= THRIFT_UUID && least[t->protocol][number] > 0)
		return (enum thrift_type)number;
	fail(t, THRIFT_TYPE);
	return THRIFT_STOP;
}

/* What cannot fit into the bytes that are left is not begun. */
static uint32_t count_of(struct thrift *t, uint32_t count, size_t each)
{
	if (t->fault == THRIFT_OK && count <= left(t) / each)
		return count;
	fail(t, THRIFT_CUT);
	return 0;
}

struct thrift_list thrift_list(struct thrift *t)
{
	struct thrift_list list = { .count = 0 };
	unsigned head = (unsigned)big_endian(t, 1);

	list.type = type_of(t, t->protocol == THRIFT_BINARY ? head : head & 0xf);
	if (t->fault)
		return list;
	if (t->protocol == THRIFT_COMPACT && head >> 4 != LONG_LIST)
		list.count = head >> 4;
	else
		list.count = size_of(t);
	list.count = count_of(t, list.count, t->fault ? 1 : least[t->protocol][list.type]);
	return list;
}

static bool compact_field(struct thrift *t, struct thrift_field *f)
{
	unsigned head = (unsigned)big_endian(t, 1), step = head >> 4;
	int64_t id;

	if ((head & 0xf) == THRIFT_STOP)
		return false;
	id = step ? (int64_t)f->id + step : zigzag(varint(t, 32));
	f->type = type_of(t, head & 0xf);
	f->is = (head & 0xf) == 1;
	if (id < INT16_MIN || id > INT16_MAX)
		fail(t, THRIFT_TYPE);
	else
		f->id = (int16_t)id;
	return t->fault == THRIFT_OK;
}

/* A type and an id; at the end a type alone. */
static bool binary_field(struct thrift *t, struct thrift_field *f)
{
	const unsigned char *p = t->at;

	if (left(t) == 0 || *p == THRIFT_STOP) {
		(void)take(t, 1);
		return false;
	}
	f->type = type_of(t, *p);
	if (f->type == THRIFT_STOP || !take(t, 3))
		return false;
	f->id = (int16_t)(p[1] << 8 | p[2]);
	f->is = f->type == THRIFT_BOOL && big_endian(t, 1) != 0;
	return t->fault == THRIFT_OK;
}

bool thrift_field(struct thrift *t, struct thrift_field *f)
{
	return t->protocol == THRIFT_BINARY ? binary_field(t, f) : compact_field(t, f);
}

static struct bytes compact_message(struct thrift *t)
{
	unsigned id = (unsigned)big_endian(t, 1), kind = (unsigned)big_endian(t, 1);

	if (id != COMPACT_ID || (kind & COMPACT_VERSION_MASK) != COMPACT_VERSION) {
		fail(t, THRIFT_MESSAGE);
		return (struct bytes){ "", 0 };
	}
	(void)varint(t, 32); /* its number in the connection */
	return thrift_string(t);
}

/* With a version, or in the older form, which begins with the length of the name. */
static struct bytes binary_message(struct thrift *t)
{
	struct thrift before = *t;
	uint32_t head = (uint32_t)big_endian(t, 4);
	struct bytes name;

	if (head >> 31 && (head & VERSION_MASK) != VERSION_1) {
		fail(t, THRIFT_MESSAGE);
		return (struct bytes){ "", 0 };
	}
	if (!(head >> 31))
		*t = before;
	name = thrift_string(t);
	if (!(head >> 31))
		(void)take(t, 1); /* what kind of message it is */
	(void)take(t, 4); /* its number in the connection */
	return t->fault ? (struct bytes){ "", 0 } : name;
}

struct bytes thrift_message(struct thrift *t)
{
	return t->protocol == THRIFT_BINARY ? binary_message(t) : compact_message(t);
}

/* Skipping. What is open is a stack of structs and lists; a map is a list of twice as many elements of two types. */

struct open {
	struct thrift_field field; /* of a struct */
	enum thrift_type type, other; /* of the elements, in turns */
	uint32_t count; /* of them that are left; 0 in a struct that goes on */
	bool is_struct;
};

static struct open open_map(struct thrift *t)
{
	struct open o = { .count = size_of(t) };
	unsigned types;

	if (t->protocol == THRIFT_COMPACT) {
		types = o.count ? (unsigned)big_endian(t, 1) : 0x11;
		o.type = type_of(t, types >> 4);
		o.other = type_of(t, types & 0xf);
	}
	if (!t->fault)
		o.count = count_of(t, o.count, (size_t)least[t->protocol][o.type] + least[t->protocol][o.other]);
	o.count *= 2;
	return o;
}

/* In the binary protocol the types come first. */
static struct open open_binary_map(struct thrift *t)
{
	enum thrift_type type = type_of(t, (unsigned)big_endian(t, 1));
	enum thrift_type other = type_of(t, (unsigned)big_endian(t, 1));
	struct open o = { .type = type, .other = other, .count = size_of(t) };

	if (!t->fault)
		o.count = count_of(t, o.count, (size_t)least[t->protocol][type] + least[t->protocol][other]);
	o.count *= 2;
	return o;
}

static void skip_leaf(struct thrift *t, enum thrift_type type)
{
	if (type == THRIFT_STRING)
		(void)thrift_string(t);
	else if (t->protocol == THRIFT_COMPACT && (type == THRIFT_I16 || type == THRIFT_I32))
		(void)varint(t, 32);
	else if (t->protocol == THRIFT_COMPACT && type == THRIFT_I64)
		(void)varint(t, 64);
	else
		(void)take(t, least[t->protocol][type]);
}

static bool opens(enum thrift_type type)
{
	return type >= THRIFT_STRUCT && type <= THRIFT_LIST;
}

static struct open open_value(struct thrift *t, enum thrift_type type)
{
	struct thrift_list list;

	if (type == THRIFT_STRUCT)
		return (struct open){ .is_struct = true };
	if (type == THRIFT_MAP)
		return t->protocol == THRIFT_BINARY ? open_binary_map(t) : open_map(t);
	list = thrift_list(t);
	return (struct open){ .type = list.type, .other = list.type, .count = list.count };
}

/* The next value in what is open. STOP: there is none. A bool of a field has been read with it. */
static enum thrift_type next_of(struct thrift *t, struct open *o)
{
	enum thrift_type type = o->type;

	if (o->is_struct) {
		do
			if (!thrift_field(t, &o->field))
				return THRIFT_STOP;
		while (o->field.type == THRIFT_BOOL);
		return o->field.type;
	}
	if (o->count == 0)
		return THRIFT_STOP;
	o->count--;
	o->type = o->other;
	o->other = type;
	return type;
}

static void skip_open(struct thrift *t, struct open first)
{
	struct open stack[THRIFT_DEPTH_MAX] = { first };
	size_t depth = 1;

	while (depth > 0 && t->fault == THRIFT_OK) {
		enum thrift_type type = next_of(t, &stack[depth - 1]);
		if (type == THRIFT_STOP)
			depth--;
		else if (!opens(type))
			skip_leaf(t, type);
		else if (depth == THRIFT_DEPTH_MAX)
			fail(t, THRIFT_DEEP);
		else
			stack[depth++] = open_value(t, type);
	}
}

void thrift_skip(struct thrift *t, const struct thrift_field *f)
{
	if (opens(f->type))
		skip_open(t, open_value(t, f->type));
	else if (f->type != THRIFT_BOOL)
		skip_leaf(t, f->type);
}

void thrift_skip_list(struct thrift *t, struct thrift_list list)
{
	skip_open(t, (struct open){ .type = list.type, .other = list.type, .count = list.count });
}
