/*
 * Bytes: a borrowed slice, and a buffer that grows up to a ceiling given at birth.
 *
 * A slice owns nothing. A buffer owns its memory; appending beyond the ceiling fails with -ENOSPC and appends nothing,
 * so that a caller can give up cleanly. Neither is terminated by a zero.
 */
#ifndef OXP_BYTES_H
#define OXP_BYTES_H

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"

struct bytes {
	const char *data;
	size_t size;
};

static inline struct bytes bytes_of(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

/* Behind the last byte. What is empty may be NULL, to which not even 0 can be added (C11, 6.5.6). */
static inline const char *bytes_end(struct bytes b)
{
	return b.size > 0 ? b.data + b.size : b.data;
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool bytes_are(struct bytes a, const char *text)
{
	return bytes_equal(a, bytes_of(text));
}

/* Equal if the case of letters is ignored, as words of HTTP are compared. */
static inline bool bytes_same_word(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || strncasecmp(a.data, b.data, a.size) == 0);
}

/* Below, equal or above 0, by the first byte that differs; what is shorter comes first. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
	size_t n = a.size < b.size ? a.size : b.size;
	int order = n ? memcmp(a.data, b.data, n) : 0;

	return order ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool byte_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Without the blanks (spaces and tabs) at both ends. */
struct bytes bytes_trimmed(struct bytes);

/* Whether they contain neither a line feed nor a carriage return. */
bool bytes_one_line(struct bytes);
/* Line ends become spaces. For white space between the tokens of JSON. */
void bytes_make_one_line(char *data, size_t size);
/* memcpy() that returns bytes_one_line() of what it copies, and costs hardly more. */
bool bytes_copy_line(char *to, struct bytes from);

/*
 * Invariant: size <= room <= ceiling; data is NULL only when room is 0.
 */
struct buffer {
	char *data;
	size_t size, room, ceiling;
};

void buffer_init(struct buffer *, size_t ceiling);
void buffer_done(struct buffer *); /* fine twice, fine on zeroed memory */
/* Makes room for `more` bytes behind `size` and returns where they go, or NULL beyond the ceiling or out of memory. */
char *buffer_reserve(struct buffer *, size_t more) MUST_CHECK;
/* The same, but the memory grows to a multiple of `step` in place of twice its size. */
char *buffer_reserve_step(struct buffer *, size_t more, size_t step) MUST_CHECK;
/* Forgets the bytes, and gives the memory back if it is more than `kept`. */
void buffer_give_back(struct buffer *, size_t kept);
/* Leaves no more room than its bytes need. */
void buffer_trim(struct buffer *);
int buffer_append(struct buffer *, const void *data, size_t size) MUST_CHECK; /* 0, -ENOSPC, -ENOMEM */
int buffer_text(struct buffer *, const char *text) MUST_CHECK;
int buffer_printf(struct buffer *, const char *format, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
int buffer_vprintf(struct buffer *, const char *format, va_list) PRINTF_LIKE(2, 0) MUST_CHECK;
static inline void buffer_clear(struct buffer *b)
{
	b->size = 0;
}
static inline struct bytes buffer_bytes(const struct buffer *b)
{
	return (struct bytes){ b->data, b->size };
}
void buffer_check(const struct buffer *);

#endif
