/*
 * `oxpecker parked replay|drop`: slice after slice, by way of the running agent, since they change its books.
 */
#ifndef OXP_CLI_PARKED_CHANGE_H
#define OXP_CLI_PARKED_CHANGE_H

#include "cli/parked_ask.h"

/* Does what the first word says to these records, or to all, and prints the result. Returns the exit status. */
int cli_parked_change(const struct cli_parked_call *, const uint64_t *ids, size_t count);

#endif
