#include "base/bytes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SMALLEST = 256 };

void bytes_make_one_line(char *data, size_t size)
{
	if (bytes_one_line((struct bytes){ data, size }))
		return;
	for (size_t i = 0; i < size; i++)
		if (data[i] == '\n' || data[i] == '\r')
			data[i] = ' ';
}

/* So many bytes at a time; what the compiler makes of it on this machine. */
typedef unsigned char vector __attribute__((vector_size(16)));

static inline vector copy_vector(char *to, const char *from)
{
	vector v;

	memcpy(&v, from, sizeof v);
	memcpy(to, &v, sizeof v);
	return (vector)((v == '\n') | (v == '\r'));
}

/* The last vector overlaps the one before it. */
bool bytes_copy_line(char *to, struct bytes from)
{
	vector ends = { 0 };
	uint64_t halves[2];
	size_t at;

	if (from.size < sizeof ends) {
		memcpy(to, from.data, from.size);
		return bytes_one_line(from);
	}
	for (at = 0; at + sizeof ends < from.size; at += sizeof ends)
		ends |= copy_vector(to + at, from.data + at);
	at = from.size - sizeof ends;
	ends |= copy_vector(to + at, from.data + at);
	memcpy(halves, &ends, sizeof halves);
	return !(halves[0] | halves[1]);
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

char *buffer_reserve(struct buffer *b, size_t more)
{
	size_t need, room = b->room ? b->room : SMALLEST;
	char *grown;

	if (__builtin_add_overflow(b->size, more, &need) || need > b->ceiling)
		return NULL;
	if (need <= b->room)
		return b->data + b->size;
	while (room < need)
		room *= 2;
	if (room > b->ceiling)
		room = b->ceiling;
	grown = realloc(b->data, room);
	if (!grown)
		return NULL;
	b->data = grown;
	b->room = room;
	return b->data + b->size;
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

int buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list args;
	char *to;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	OXP_ASSERT(n >= 0);
	if ((size_t)n + 1 > b->ceiling - b->size)
		return -ENOSPC;
	to = buffer_reserve(b, (size_t)n + 1);
	if (!to)
		return -ENOMEM;
	va_start(args, format);
	vsnprintf(to, (size_t)n + 1, format, args);
	va_end(args);
	b->size += (size_t)n;
	return 0;
}

void buffer_check(const struct buffer *b)
{
	OXP_ASSERT(b->size <= b->room && b->room <= b->ceiling);
	OXP_ASSERT(b->data || b->room == 0);
}
