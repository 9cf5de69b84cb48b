/*
 * A whole configuration: from text to the structs that the program runs on.
 *
 * config_load() parses, applies --set, expands, reads every section and checks that nothing unknown is left.
 * Fixed sections go into the struct given at config_new(); components become lists, one for each section, in the
 * order written. Every section is read, written or not, so defaults are always there. All memory lives until
 * config_free().
 */
#ifndef OXP_CONFIG_LOAD_H
#define OXP_CONFIG_LOAD_H

#include "config/schema.h"
#include "config/tree.h"

enum { COMPONENT_NAME_MAX = 63 };

struct config_component {
	struct config_component *next;
	const char *name; /* letters, digits, _ and -; unique but among steps */
	const struct config_type *type;
	void *common; /* of section->common_size; NULL when that is 0 */
	void *options; /* of type->config_size; NULL when that is 0 */
	struct config_mark mark; /* of its name */
};

struct config_input {
	const char *name; /* of the file, for errors */
	struct bytes text; /* empty: built-in defaults */
	const char *const *sets; /* "a.b=value", ends with NULL; NULL: none */
	const struct config_world *world;
	/* Adds to the tree what it does not say, before it is read. May be NULL. */
	void (*fill)(struct tree *, const struct config_world *);
};

struct config {
	const struct config_section *sections;
	void *target;
	struct config_arena *arena;
	struct config_errors errors;
	struct tree tree; /* tree.sources: what came from files, to be read again */
	struct config_component **components; /* by position of the section */
};

/* `target` is zeroed memory that the rows of fixed sections point into. */
struct config *config_new(const struct config_section *sections, void *target) __attribute__((returns_nonnull));
void config_free(struct config *); /* NULL is fine */

/* Call it once. 0, or -EINVAL with all errors in `errors`; the structs must not be used then. */
int config_load(struct config *, const struct config_input *) MUST_CHECK;
/* A file's text; -ENOSPC beyond the buffer's ceiling (TREE_INPUT_MAX), -EINVAL when it is not a regular file, or
 * another -errno. */
int config_file(const char *path, struct buffer *to) MUST_CHECK;

/* The components of the section with that path, or NULL. */
struct config_component *config_components(const struct config *, const char *path);

#endif
