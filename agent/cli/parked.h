/*
 * `oxpecker parked ls|show|replay|drop`: what destinations refused, by way of the running agent's control socket.
 *
 * Without an agent, ls and show read the state folder; replay and drop need one, since they change its books.
 */
#ifndef OXP_CLI_PARKED_H
#define OXP_CLI_PARKED_H

#include "base/bytes.h"

struct cli_parked {
	const char *control; /* where the agent listens */
	const char *state; /* its folder */
	const char *destination; /* NULL: any */
	const char *rename; /* OLD=NEW, or NULL */
	const char *const *words; /* ls, show, replay or drop, and ids */
	size_t count;
	bool all, json;
};

/* Exit status for the shell: 0 done, 1 not all of it, 2 wrong words or no agent. */
int cli_parked(const struct cli_parked *);

#endif
