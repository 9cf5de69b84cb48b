/*
 * What --help says, out of the rows: of the program, or of one command.
 */
#ifndef OXP_CLI_HELP_H
#define OXP_CLI_HELP_H

#include "cli/command.h"

#define HELP_PURPOSE "an observability sidecar beside one application"

/* `commands` ends with NULL; the first is what runs when none is named. */
void help_program(const struct command *const *commands);
void help_command(const struct command *);

#endif
