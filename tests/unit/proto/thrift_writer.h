/*
 * Writes Thrift for the tests, in both protocols: the parts of a message one after another, so a test can also write
 * what no encoder would. Beside it, the structs of jaeger.thrift.
 */
#ifndef OXP_TESTS_THRIFT_WRITER_H
#define OXP_TESTS_THRIFT_WRITER_H

#include <stdlib.h>
#include <string.h>

#include "proto/thrift.h"

struct thrift_writer {
	struct buffer out;
	enum thrift_protocol protocol;
};

static inline void write_raw(struct thrift_writer *w, const void *data, size_t size)
{
	if (buffer_append(&w->out, data, size))
		abort();
}

static inline void write_byte(struct thrift_writer *w, unsigned byte)
{
	write_raw(w, &(unsigned char){ (unsigned char)byte }, 1);
}

static inline void write_big(struct thrift_writer *w, uint64_t value, unsigned size)
{
	while (size-- > 0)
		write_byte(w, (unsigned)(value >> 8 * size) & 0xff);
}

static inline void write_varint(struct thrift_writer *w, uint64_t value)
{
	for (; value > 0x7f; value >>= 7)
		write_byte(w, (unsigned)(value & 0x7f) | 0x80);
	write_byte(w, (unsigned)value);
}

static inline unsigned compact_type(enum thrift_type type)
{
	static const unsigned char types[] = { [THRIFT_BOOL] = 1,
		[THRIFT_BYTE] = 3,
		[THRIFT_I16] = 4,
		[THRIFT_I32] = 5,
		[THRIFT_I64] = 6,
		[THRIFT_DOUBLE] = 7,
		[THRIFT_STRING] = 8,
		[THRIFT_LIST] = 9,
		[THRIFT_SET] = 10,
		[THRIFT_MAP] = 11,
		[THRIFT_STRUCT] = 12,
		[THRIFT_UUID] = 13 };

	return types[type];
}

static inline uint64_t zigzag_of(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

/* Always with the id in full, as an encoder may in the compact protocol. */
static inline void write_field(struct thrift_writer *w, enum thrift_type type, int id)
{
	write_byte(w, w->protocol == THRIFT_BINARY ? type : compact_type(type));
	if (w->protocol == THRIFT_BINARY)
		write_big(w, (uint16_t)id, 2);
	else
		write_varint(w, zigzag_of(id));
}

static inline void write_i64_value(struct thrift_writer *w, int64_t value)
{
	if (w->protocol == THRIFT_BINARY)
		write_big(w, (uint64_t)value, 8);
	else
		write_varint(w, zigzag_of(value));
}

static inline void write_i64(struct thrift_writer *w, int id, int64_t value)
{
	write_field(w, THRIFT_I64, id);
	write_i64_value(w, value);
}

static inline void write_i32(struct thrift_writer *w, int id, int32_t value)
{
	write_field(w, THRIFT_I32, id);
	if (w->protocol == THRIFT_BINARY)
		write_big(w, (uint32_t)value, 4);
	else
		write_varint(w, (uint32_t)zigzag_of(value));
}

static inline void write_double(struct thrift_writer *w, int id, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	write_field(w, THRIFT_DOUBLE, id);
	write_big(w, w->protocol == THRIFT_BINARY ? bits : __builtin_bswap64(bits), 8);
}

static inline void write_bool(struct thrift_writer *w, int id, bool is)
{
	if (w->protocol == THRIFT_BINARY) {
		write_field(w, THRIFT_BOOL, id);
		write_byte(w, is);
		return;
	}
	write_byte(w, is ? 1 : 2);
	write_varint(w, zigzag_of(id));
}

static inline void write_size(struct thrift_writer *w, size_t size)
{
	if (w->protocol == THRIFT_BINARY)
		write_big(w, size, 4);
	else
		write_varint(w, size);
}

static inline void write_bytes(struct thrift_writer *w, int id, const void *data, size_t size)
{
	write_field(w, THRIFT_STRING, id);
	write_size(w, size);
	write_raw(w, data, size);
}

static inline void write_text(struct thrift_writer *w, int id, const char *text)
{
	write_bytes(w, id, text, strlen(text));
}

static inline void write_list(struct thrift_writer *w, int id, enum thrift_type type, unsigned count)
{
	write_field(w, THRIFT_LIST, id);
	if (w->protocol == THRIFT_BINARY) {
		write_byte(w, type);
		write_big(w, count, 4);
		return;
	}
	write_byte(w, (count < 15 ? count : 15) << 4 | compact_type(type));
	if (count >= 15)
		write_varint(w, count);
}

static inline void write_stop(struct thrift_writer *w)
{
	write_byte(w, 0);
}

static inline void write_message(struct thrift_writer *w, const char *name)
{
	if (w->protocol == THRIFT_BINARY) {
		write_big(w, 0x80010004, 4);
		write_size(w, strlen(name));
		write_raw(w, name, strlen(name));
		write_big(w, 7, 4);
		return;
	}
	write_raw(w, "\x82\x81\x07", 3);
	write_size(w, strlen(name));
	write_raw(w, name, strlen(name));
}

/* Tags: the types are those of jaeger.thrift. */

static inline void write_tag_head(struct thrift_writer *w, const char *key, int32_t type)
{
	write_text(w, 1, key);
	write_i32(w, 2, type);
}

static inline void write_tag_text(struct thrift_writer *w, const char *key, const char *value)
{
	write_tag_head(w, key, 0);
	write_text(w, 3, value);
	write_stop(w);
}

static inline void write_tag_double(struct thrift_writer *w, const char *key, double value)
{
	write_tag_head(w, key, 1);
	write_double(w, 4, value);
	write_stop(w);
}

static inline void write_tag_bool(struct thrift_writer *w, const char *key, bool is)
{
	write_tag_head(w, key, 2);
	write_bool(w, 5, is);
	write_stop(w);
}

static inline void write_tag_int(struct thrift_writer *w, const char *key, int64_t value)
{
	write_tag_head(w, key, 3);
	write_i64(w, 6, value);
	write_stop(w);
}

static inline void write_tag_binary(struct thrift_writer *w, const char *key, const void *data, size_t size)
{
	write_tag_head(w, key, 4);
	write_bytes(w, 7, data, size);
	write_stop(w);
}

static inline void write_reference(struct thrift_writer *w, int32_t type, int64_t trace_low, int64_t id)
{
	write_i32(w, 1, type);
	write_i64(w, 2, trace_low);
	write_i64(w, 3, 1);
	write_i64(w, 4, id);
	write_stop(w);
}

/* The ids of a span, its name and times; tags, logs, references and the stop are the test's. */
static inline void write_span_head(struct thrift_writer *w, int64_t trace_low, int64_t id, const char *name)
{
	write_i64(w, 1, trace_low);
	write_i64(w, 2, trace_low ? 1 : 0);
	write_i64(w, 3, id);
	write_text(w, 5, name);
	write_i32(w, 7, 1);
	write_i64(w, 8, 1700000000000001);
	write_i64(w, 9, 2500);
}

#endif
