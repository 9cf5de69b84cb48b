/*
 * The memory of one configuration: everything read from a file lives here and is freed in one call.
 *
 * Allocation does not fail: a configuration is bounded before it gets here (input, nodes and expansions have
 * ceilings), so on a machine without that much memory the program aborts with a message. The memory is wiped before it
 * is freed, because it holds secrets. The arena also remembers which fields are secret, for code that prints fields.
 */
#ifndef OXP_CONFIG_ARENA_H
#define OXP_CONFIG_ARENA_H

#include "base/bytes.h"

struct config_arena;

struct config_arena *config_arena_new(void) __attribute__((returns_nonnull));
void config_arena_free(struct config_arena *); /* NULL is fine */

/* Zeroed, aligned for anything. */
void *config_alloc(struct config_arena *, size_t size) __attribute__((returns_nonnull));
/* Terminated copies. */
char *config_copy(struct config_arena *, const char *text, size_t size) __attribute__((returns_nonnull));
char *config_printf(struct config_arena *, const char *format, ...) PRINTF_LIKE(2, 3) __attribute__((returns_nonnull));

void config_secret(struct config_arena *, const void *field);
bool config_is_secret(const struct config_arena *, const void *field);

#endif
