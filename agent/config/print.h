/*
 * What the printed forms share: where they are written to, and values as YAML that reads back as the same.
 */
#ifndef OXP_CONFIG_PRINT_H
#define OXP_CONFIG_PRINT_H

#include "base/writer.h"
#include "config/arena.h"
#include "config/option.h"

struct printer {
	struct writer text;
	struct config_arena *arena; /* for intermediate texts */
};

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
