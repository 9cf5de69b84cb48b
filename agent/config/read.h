/*
 * Options out of a tree: a mapping and the rows that say what may stand in it, into config structs.
 *
 * Several tables may share one mapping (the options of every exporter, and of this one); a key is unknown if no table
 * has it. Every error in the mapping is reported, not only the first. A key with an empty value counts as missing. A
 * row's default goes through the same reader; a default that cannot be read is a broken promise of the table, and
 * aborts.
 */
#ifndef OXP_CONFIG_READ_H
#define OXP_CONFIG_READ_H

#include "config/option.h"
#include "config/tree.h"

enum { OPTION_ROWS_MAX = 64 }; /* of all tables on one mapping */

struct option_set {
	const struct option *rows; /* NULL: none */
	void *target;
};

struct option_reader {
	struct config_arena *arena;
	struct config_errors *errors;
};

/* `node` is a mapping, or a value that sets the main option. NULL: there is none; an error about a required option then
 * names `where`. */
void options_read(const struct option_reader *, const struct option_set *sets, size_t count, const struct node *node,
	const struct node *where);
/* One value for one row, as in `memory: 32MiB`; NULL: the default. */
void option_read(const struct option_reader *, const struct option *, const struct node *value, void *target);

/* The row that a scalar instead of the mapping sets, or NULL. */
const struct option *option_main(const struct option *rows);
bool option_is_list(const struct option *);

#endif
