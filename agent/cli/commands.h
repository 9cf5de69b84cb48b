/*
 * The commands of this folder. `run`, which needs the agent itself, stands in main.c.
 */
#ifndef OXP_CLI_COMMANDS_H
#define OXP_CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command command_check, command_completion, command_health, command_parked, command_recorder,
	command_reference, command_show, command_state, command_status;

#endif
