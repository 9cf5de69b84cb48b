/*
 * The manual page oxpecker(1), out of the same rows as --help.
 */
#ifndef OXP_CLI_MANUAL_H
#define OXP_CLI_MANUAL_H

#include "base/bytes.h"
#include "cli/command.h"

/* Appends it in the language of man(7). Its date is the day of $SOURCE_DATE_EPOCH, else today. 0 or -errno. */
int manual_print(const struct command *const *commands, struct buffer *to) MUST_CHECK;

#endif
