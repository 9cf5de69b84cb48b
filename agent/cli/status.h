/*
 * `oxpecker status`: asks a running agent over its control socket and prints the answer for people, or as it came.
 */
#ifndef OXP_CLI_STATUS_H
#define OXP_CLI_STATUS_H

#include "base/bytes.h"

/* Exit status for the shell: 0 fine, 1 the ledger does not balance, 2 no agent answered. */
int cli_status(const char *control, bool json);
/* `oxpecker health`: asks for readiness at the control socket, which strangers cannot keep busy. 0 ready, 1 not. */
int cli_health(const char *control);

#endif
