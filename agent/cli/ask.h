/*
 * Asks a running agent one question, at its control socket or an address of `listen`, and waits for the answer with a
 * loop of its own.
 */
#ifndef OXP_CLI_ASK_H
#define OXP_CLI_ASK_H

#include "base/bytes.h"

struct loop;

struct cli_answer {
	struct loop *loop;
	struct buffer body;
	unsigned status; /* 0: nobody answered */
	char error[256]; /* and why */
};

/* Prints on stderr that nobody answered, and why: "no agent at unix:/run/a.sock (no such socket)". */
void cli_no_agent(const char *address, const struct cli_answer *);
/* `address` is host:port, :port or unix:/path. The body is the caller's to end. */
void cli_ask(const char *method, const char *address, const char *path, struct cli_answer *);
/* Adds numbers that another program may have written: a sum that is out of range stays at the end of the range. */
long long cli_sum(long long a, long long b);

#endif
