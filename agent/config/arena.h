/*
 * The memory of one configuration: everything read from a file lives here and goes in one call.
 *
 * Allocation does not fail: a configuration is bounded before it gets here (input, nodes and expansions have
 * ceilings), so a machine without that much memory ends the program with a message. The memory is wiped before it
 * goes, since secrets stand in it. The arena also remembers which fields hold secrets, so that whoever prints a
 * field can ask.
 */
#ifndef OXP_CONFIG_ARENA_H
#define OXP_CONFIG_ARENA_H

#include "base/bytes.h"

struct config_arena;

struct config_arena *config_arena_new(void) __attribute__((returns_nonnull));
void config_arena_free(struct config_arena *);	/* NULL is fine */

/* Zeroed, aligned for anything. */
void *config_alloc(struct config_arena *, size_t size) __attribute__((returns_nonnull));
/* Terminated copies. */
char *config_copy(struct config_arena *, const char *text, size_t size) __attribute__((returns_nonnull));
char *config_printf(struct config_arena *, const char *format, ...) PRINTF_LIKE(2, 3) __attribute__((returns_nonnull));

void config_secret(struct config_arena *, const void *field);
bool config_is_secret(const struct config_arena *, const void *field);

#endif
