/*
 * A file of YAML that is not ours, such as the mapping rules of another program, read as a plain tree (config/tree.h)
 * by the component whose option names it. What the component does not know in it, it complains about as the
 * configuration's own reader does (node_complain(), key_unknown()), so that a user is told the line.
 */
#ifndef OXP_CONFIG_DOCUMENT_H
#define OXP_CONFIG_DOCUMENT_H

#include "config/tree.h"

struct document {
	struct config_arena *arena; /* for whatever is read from it, too */
	struct config_errors errors;
	struct tree tree;
};

/* Reads and parses the file. False: there are errors. document_done() either way. */
bool document_read(struct document *, const char *path) MUST_CHECK;
void document_done(struct document *); /* fine on zeroed memory */
/* The first error, as "rules.yml:3:5: …"; an empty text if there is none. */
void document_why(const struct document *, char *why, size_t room);

#endif
