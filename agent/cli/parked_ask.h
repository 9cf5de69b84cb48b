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

/* Adds the rest of the command line to `start`, a path with a query. Returns the answer, which the caller frees with
 * json_decref(); or NULL if there was none, or one that has been printed because it does not come from an agent. */
json_t *cli_parked_ask(
	const struct cli_parked_call *, const char *method, const char *start, struct cli_parked_ending *ret);
/* Whether another page or slice follows this one, which began behind *after; moves *after on. An answer that gets no
 * further would be asked for without end, so it is an error. */
enum cli_parked_next { CLI_PARKED_LAST, CLI_PARKED_MORE, CLI_PARKED_STUCK };
enum cli_parked_next cli_parked_next(const struct cli_parked_call *, const json_t *page, long long *after);
/* Prints one line on stderr. It may quote a record. */
void cli_parked_complain(struct bytes what);

#endif
