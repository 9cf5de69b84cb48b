/*
 * What `oxpecker parked` asks a running agent over its control socket.
 */
#ifndef OXP_CLI_PARKED_ASK_H
#define OXP_CLI_PARKED_ASK_H

#include <jansson.h>

#include "base/bytes.h"

/* The command line. */
struct cli_parked_call {
	const char *control; /* where the agent listens */
	const char *state; /* its folder */
	const char *destination; /* NULL: any */
	const char *rename; /* OLD=NEW, or NULL */
	const char *const *words; /* ls, show, replay or drop, and ids */
	size_t count;
	bool all, json;
};

/* How a request ended. */
struct cli_parked_ending {
	unsigned status; /* 0: nobody answered */
	char error[256]; /* and why */
};

/* `start` is a path with a query, to which the rest of the command line is added. Returns what was answered, to be
 * given back; or NULL: nobody answered, or what was answered has been printed. */
json_t *cli_parked_ask(
	const struct cli_parked_call *, const char *method, const char *start, struct cli_parked_ending *ret);
/* One line on stderr of what is wrong, which may quote a record. */
void cli_parked_complain(struct bytes what);

#endif
