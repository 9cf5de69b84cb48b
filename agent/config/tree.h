/*
 * YAML as a plain tree: texts, lists and mappings, each knowing where it was written.
 *
 * Every scalar is text, whatever YAML takes it for: `1.10`, `no` and `null` stay as written; nothing at all is
 * empty. What a configuration has no use for is refused by name: anchors, aliases, tags, directives, a second
 * document, a key twice. Input, depth, keys of a mapping and nodes have ceilings, and nothing here recurses. The
 * text is checked before libfyaml sees it: UTF-8 only, no control characters, no tabs to indent with.
 */
#ifndef OXP_CONFIG_TREE_H
#define OXP_CONFIG_TREE_H

#include "config/error.h"

enum {
	TREE_INPUT_MAX = 1 << 20,
	TREE_DEPTH_MAX = 32,
	TREE_KEYS_MAX = 1024,		/* of one mapping; each is compared with each */
	TREE_NODES_MAX = 65536,
	TREE_EXPANSION_MAX = 4 << 20,	/* bytes that all ${…} together may become */
	TREE_VALUE_MAX = 64 << 10,	/* bytes that one value may become */
};

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

/*
 * Invariant: children hang in `first … last` in the order written; a child of a mapping has a key, any other has none.
 */
struct node {
	enum node_kind kind;
	bool empty;		/* a text for which nothing was written */
	bool quoted;
	bool secret;		/* its text came from a file: never shown */
	bool bare;		/* it was given with --set: the command line is read by every process */
	const char *written;	/* as it was before ${…} was expanded; NULL: nothing was */
	const char *key;
	const char *text;	/* NODE_TEXT; terminated, without zeros within */
	struct node *parent, *next, *first, *last;
	size_t count;		/* of children */
	struct config_span span, key_span;
};

struct tree {
	struct config_arena *arena;
	struct config_errors *errors;
	struct node *root;	/* a mapping, never NULL */
	size_t nodes;
	size_t expanded;
	struct tree_source *sources;
};

/* A value with ${file:…} in it: as it was written, and the text that it became. */
struct tree_source {
	struct tree_source *next;
	const char *written, *text;
};

/* Where ${…} looks: the environment and files. */
struct config_world {
	void *context;
	const char *(*variable)(void *context, const char *name);	/* NULL: not set */
	/* Appends the file; 0 or -errno, -ENOSPC: too large. */
	int (*file)(void *context, const char *path, struct buffer *to);
};

extern const struct config_world config_world_system;

void tree_init(struct tree *, struct config_arena *, struct config_errors *);
/* Each returns 0, or -EINVAL with what is wrong told to the errors. */
int tree_load(struct tree *, const char *name, struct bytes text) MUST_CHECK;
/* Lays `a.b.c=value` over what is there; the value is YAML, so that [a, b] is a list. Mappings on the way are made. */
int tree_set(struct tree *, const char *assignment) MUST_CHECK;
/* ${NAME}, ${NAME:-default}, ${file:/path} and $$, in values only, once: what comes out is not looked at again. */
int tree_expand(struct tree *, const struct config_world *) MUST_CHECK;
/* Appends what a value would be if it was read now; `text` is the one that it became, wherever that was put. 0, or
 * -EINVAL when it cannot be read now. Any thread: the tree is not touched. */
int tree_text_now(const struct tree *, const char *text, const struct config_world *, struct buffer *to) MUST_CHECK;

/* The child with that key, or NULL; fine on any kind of node. */
struct node *node_get(const struct node *, const char *key);
/* The next in the order written, from the top down, below `top`; NULL at the end. */
struct node *node_after(const struct node *top, const struct node *);
/* "logs.steps[2].redact" in the tree's arena. */
const char *node_path(struct config_arena *, const struct node *);
const char *node_kind_name(const struct node *);	/* "a list" */

void node_complain(struct config_errors *, const struct node *, const char *format, ...) PRINTF_LIKE(3, 4);
void key_complain(struct config_errors *, const struct node *, const char *format, ...) PRINTF_LIKE(3, 4);
/* The key is none of those: what to use in place of it, which it may have been meant to be, or which there are. */
void key_unknown(struct config_errors *, const struct node *, const char *const *known, size_t count);

#endif
