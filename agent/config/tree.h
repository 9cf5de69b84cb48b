/*
 * YAML as a plain tree: texts, lists and mappings, each knowing where it was written.
 *
 * Every scalar is text, whatever type YAML gives it: `1.10`, `no` and `null` stay as written; a missing value is empty
 * text. Features that a configuration does not need are refused by name: anchors, aliases, tags, directives, a second
 * document, a key that is written twice. Input, depth, keys of a mapping and nodes have ceilings, and nothing here
 * recurses. The text is checked before libfyaml sees it: UTF-8 only, no control characters, no tabs as indentation.
 */
#ifndef OXP_CONFIG_TREE_H
#define OXP_CONFIG_TREE_H

#include "config/error.h"

enum {
	TREE_INPUT_MAX = 1 << 20,
	TREE_DEPTH_MAX = 32,
	TREE_KEYS_MAX = 1024, /* of one mapping; every pair is compared */
	TREE_NODES_MAX = 65536,
	TREE_EXPANSION_MAX = 4 << 20, /* bytes that all ${…} together may become */
	TREE_VALUE_MAX = 64 << 10, /* bytes that one value may become */
};

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

/*
 * Invariant: children hang in `first … last` in the order written; a child of a mapping has a key, any other has none.
 */
struct node {
	enum node_kind kind;
	bool empty; /* a text with a missing value */
	bool quoted;
	bool secret; /* its text came from a file: never shown */
	bool verbatim; /* its dollar signs stand for themselves */
	bool bare; /* it was given with --set; every process can read the command line */
	const char *written; /* as it was before ${…} was expanded; NULL if nothing was expanded */
	const char *key;
	const char *text; /* NODE_TEXT; terminated, without zeros within */
	struct node *parent, *next, *first, *last;
	size_t count; /* of children */
	struct config_span span, key_span;
};

struct tree {
	struct config_arena *arena;
	struct config_errors *errors;
	struct node *root; /* a mapping, never NULL */
	size_t nodes;
	size_t expanded;
	struct tree_source *sources;
};

/* A value that contains ${file:…}: as it was written, and the text that it became. */
struct tree_source {
	struct tree_source *next;
	const char *written, *text;
};

/* What ${…} reads: the environment and files. */
struct config_world {
	void *context;
	const char *(*variable)(void *context, const char *name); /* NULL: not set */
	/* Appends the file; 0 or -errno, -ENOSPC: too large. */
	int (*file)(void *context, const char *path, struct buffer *to);
};

extern const struct config_world config_world_system;

void tree_init(struct tree *, struct config_arena *, struct config_errors *);
/* Each returns 0, or -EINVAL after reporting to the errors. */
int tree_load(struct tree *, const char *name, struct bytes text) MUST_CHECK;
/* Sets a.b.c to a value (`a.b.c=value`). The value is YAML, so [a, b] is a list. Missing mappings are made. */
int tree_set(struct tree *, const char *assignment) MUST_CHECK;
/* Expands ${NAME}, ${NAME:-default}, ${file:/path} and $$ in values. The result is not expanded again. */
int tree_expand(struct tree *, const struct config_world *) MUST_CHECK;
/* Appends the value that an expanded `text` would have if its files were read now. 0, or -EINVAL if they cannot be read
 * now. From any thread: the tree is not touched. */
int tree_text_now(const struct tree *, const char *text, const struct config_world *, struct buffer *to) MUST_CHECK;

/* What is added from elsewhere, such as the environment: errors name `name`, and show the text. */
const struct config_source *tree_source_of(struct tree *, const char *name, const char *text);
/* Adds a text, or an empty mapping if that is NULL, to a mapping that has no such key. It is not expanded. */
struct node *tree_add(struct tree *, struct node *map, const char *key, const struct config_source *, const char *text);

/* The child with that key, or NULL; `node` may be of any kind. */
struct node *node_get(const struct node *, const char *key);
/* The next in the order written, from the top down, below `top`; NULL at the end. */
struct node *node_after(const struct node *top, const struct node *);
/* "logs.steps[2].redact" in the tree's arena. */
const char *node_path(struct config_arena *, const struct node *);
const char *node_kind_name(const struct node *); /* "a list" */

void node_complain(struct config_errors *, const struct node *, const char *format, ...) PRINTF_LIKE(3, 4);
void key_complain(struct config_errors *, const struct node *, const char *format, ...) PRINTF_LIKE(3, 4);
/* Reports that the key is unknown, with the path to use instead, the nearest known key, or all known keys. */
void key_unknown(struct config_errors *, const struct node *, const char *const *known, size_t count);

#endif
