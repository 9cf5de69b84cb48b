#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { SMALLEST = 256 };

/*
 * Each log line is searched for line ends twice, so the search takes as many bytes at a time as the machine can. The
 * compiler makes two functions of this one, and splits each vector as the machine needs it.
 */
enum { VECTOR = 32 };
typedef unsigned char vector __attribute__((vector_size(VECTOR)));
#define INLINE static inline __attribute__((always_inline))

INLINE void look(bool copies, char *to, const char *from, vector *ends)
{
	vector v;

	memcpy(&v, from, VECTOR);
	if (copies)
		memcpy(to, &v, VECTOR);
	*ends |= (vector)((v == '\n') | (v == '\r'));
}

/* The last vector overlaps the one before it. */
INLINE bool look_through(bool copies, char *to, struct bytes from)
{
	size_t last = from.size - VECTOR;
	vector ends = { 0 };
	uint64_t parts[VECTOR / sizeof(uint64_t)];

	for (size_t at = 0; at < last; at += VECTOR)
		look(copies, copies ? to + at : NULL, from.data + at, &ends);
	look(copies, copies ? to + last : NULL, from.data + last, &ends);
	memcpy(parts, &ends, VECTOR);
	return !(parts[0] | parts[1] | parts[2] | parts[3]);
}

#ifdef __x86_64__
#define HAS_AVX2 __builtin_cpu_supports("avx2")
#define AVX2 __attribute__((target("avx2")))
#else
#define HAS_AVX2 false
#define AVX2
#endif

AVX2 static bool look_avx2(struct bytes b)
{
	return look_through(false, NULL, b);
}

AVX2 static bool copy_avx2(char *to, struct bytes from)
{
	return look_through(true, to, from);
}

bool bytes_one_line(struct bytes b)
{
	if (b.size < VECTOR)
		return b.size == 0 || (!memchr(b.data, '\n', b.size) && !memchr(b.data, '\r', b.size));
	return HAS_AVX2 ? look_avx2(b) : look_through(false, NULL, b);
}

bool bytes_copy_line(char *to, struct bytes from)
{
	if (from.size < VECTOR) {
		memcpy(to, from.data, from.size);
		return bytes_one_line(from);
	}
	return HAS_AVX2 ? copy_avx2(to, from) : look_through(true, to, from);
}

void bytes_make_one_line(char *data, size_t size)
{
	if (bytes_one_line((struct bytes){ data, size }))
		return;
	for (size_t i = 0; i < size; i++)
		if (data[i] == '\n' || data[i] == '\r')
			data[i] = ' ';
}

struct bytes bytes_trimmed(struct bytes b)
{
	while (b.size > 0 && byte_is_blank(b.data[0]))
		b = (struct bytes){ b.data + 1, b.size - 1 };
	while (b.size > 0 && byte_is_blank(b.data[b.size - 1]))
		b.size--;
	return b;
}

void buffer_init(struct buffer *b, size_t ceiling)
{
	*b = (struct buffer){ .ceiling = ceiling };
}

void buffer_done(struct buffer *b)
{
	free(b->data);
	b->data = NULL;
	b->size = b->room = 0;
}

static bool resize(struct buffer *b, size_t room)
{
	char *resized = realloc(b->data, room);

	if (!resized)
		return false;
	b->data = resized;
	b->room = room;
	return true;
}

char *buffer_reserve(struct buffer *b, size_t more)
{
	size_t need, room = b->room ? b->room : SMALLEST;

	if (__builtin_add_overflow(b->size, more, &need) || need > b->ceiling)
		return NULL;
	while (room < need)
		room *= 2;
	if (need > b->room && !resize(b, smaller(room, b->ceiling)))
		return NULL;
	return b->data + b->size;
}

char *buffer_reserve_step(struct buffer *b, size_t more, size_t step)
{
	size_t need;

	if (__builtin_add_overflow(b->size, more, &need) || need > b->ceiling)
		return NULL;
	if (need > b->room && !resize(b, smaller((need + step - 1) / step * step, b->ceiling)))
		return NULL;
	return b->data + b->size;
}

void buffer_give_back(struct buffer *b, size_t kept)
{
	buffer_clear(b);
	if (b->room > kept)
		buffer_done(b);
}

void buffer_trim(struct buffer *b)
{
	if (b->size == 0)
		buffer_done(b);
	else if (b->size < b->room)
		(void)resize(b, b->size); /* the allocator may keep it as it is */
}

int buffer_append(struct buffer *b, const void *data, size_t size)
{
	char *to;

	if (size == 0)
		return 0;
	to = buffer_reserve(b, size);
	if (!to)
		return size > b->ceiling - b->size ? -ENOSPC : -ENOMEM;
	memcpy(to, data, size);
	b->size += size;
	return 0;
}

int buffer_text(struct buffer *b, const char *text)
{
	return buffer_append(b, text, strlen(text));
}

int buffer_vprintf(struct buffer *b, const char *format, va_list args)
{
	va_list again;
	char *to;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	OXP_ASSERT(n >= 0);
	if ((size_t)n + 1 > b->ceiling - b->size)
		return -ENOSPC;
	to = buffer_reserve(b, (size_t)n + 1);
	if (!to)
		return -ENOMEM;
	vsnprintf(to, (size_t)n + 1, format, args);
	b->size += (size_t)n;
	return 0;
}

int buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list args;
	int failed;

	va_start(args, format);
	failed = buffer_vprintf(b, format, args);
	va_end(args);
	return failed;
}

void buffer_check(const struct buffer *b)
{
	OXP_ASSERT(b->size <= b->room && b->room <= b->ceiling);
	OXP_ASSERT(b->data || b->room == 0);
}
