/*
 * What the printed forms share: a buffer that remembers its first failure, and values as YAML that reads back to the
 * same value.
 */
#ifndef OXP_CONFIG_PRINT_H
#define OXP_CONFIG_PRINT_H

#include "config/arena.h"
#include "config/option.h"

struct printer {
	struct buffer *to;
	struct config_arena *arena;	/* for intermediate texts */
	int failed;			/* 0, -ENOSPC or -ENOMEM; nothing is appended after it */
};

void print(struct printer *, const char *format, ...) PRINTF_LIKE(2, 3);

/* The field of a row, as YAML; NULL if it is empty. Passwords of URLs are hidden. */
const char *yaml_of_field(struct config_arena *, const struct option *, const void *field);
/* The default of a row, as YAML; NULL if it has none. */
const char *yaml_of_default(struct config_arena *, const struct option *);
/* An example value, as YAML. */
const char *yaml_of_example(struct config_arena *, const struct option *);
/* "duration, 1ms to 1h; required" */
const char *option_words(struct config_arena *, const struct option *);

/*
 * The lines that lead to a section, each printed once: "logs:" before "collect:" and "export:". *last is the path
 * that was printed before. Returns how deep the section's own key stands.
 */
unsigned print_way(struct printer *, const char *path, const char *last);
const char *last_word(const char *path);

#endif
