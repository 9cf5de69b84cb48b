/*
 * What --help says: of the program, or of one command. No line is longer than 80 columns.
 */
#ifndef OXP_CLI_HELP_H
#define OXP_CLI_HELP_H

/* NULL: of the program. "" for a word that is no command. */
const char *cli_help(const char *command);

#endif
