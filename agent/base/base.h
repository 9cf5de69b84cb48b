/*
 * What every file needs and nothing more: assertions, and a few words that the compiler understands.
 *
 * Asserts stay on in release. They guard promises between our own functions; input, disk and peers never trip one.
 */
#ifndef OXP_BASE_H
#define OXP_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Aborts with the words of the broken promise and where it stands. */
__attribute__((noreturn, cold)) void oxp_assert_failed(const char *what, const char *file, int line);
#define OXP_ASSERT(x) ((x) ? (void)0 : oxp_assert_failed(#x, __FILE__, __LINE__))

/* Zeroed memory for allocations whose failure nobody could handle (start-up, a few hundred bytes, a mark for each item
 * of a batch): without memory it aborts with a message. Anything that grows with input uses malloc() and returns
 * -ENOMEM. */
void *oxp_new(size_t size) __attribute__((returns_nonnull, malloc));
char *oxp_strdup(const char *text) __attribute__((returns_nonnull, malloc));
/* An array that grows by doubling. Returns it with room for `need` elements of `size` bytes each, and sets *room; NULL
 * if there is no memory, and then array and *room are as they were. */
void *oxp_grow(void *array, size_t *room, size_t need, size_t size) MUST_CHECK;

#endif
