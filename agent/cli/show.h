/*
 * `oxpecker show`: what its words mean; store/show.c does it.
 */
#ifndef OXP_CLI_SHOW_H
#define OXP_CLI_SHOW_H

#include "base/base.h"

struct cli_show {
	const char *state; /* folder */
	const char *what; /* NULL: was not said */
	const char *limit, *since, *grep, *service, *trace, *level; /* as written; NULL: was not */
	bool follow, json;
};

/* The exit status: 0, 1 (the store cannot be read), 2 (no such words). */
int cli_show(const struct cli_show *);

#endif
