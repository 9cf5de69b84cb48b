/*
 * The command line: which command, its words and options, and the options that every command has.
 *
 * Options may stand before the command. An option of other commands is refused, because it would do nothing.
 */
#ifndef OXP_CLI_LINE_H
#define OXP_CLI_LINE_H

#include "cli/command.h"

struct line {
	const struct command *command; /* NULL: none was named, and --help or --version was */
	const char **words, **sets; /* sets: the values of --set, ends with NULL */
	size_t word_count, set_count;
	const char *config; /* NULL: not said */
	bool help, version;
	void *options; /* the command's own struct */
};

/* `commands` ends with NULL; if no command is named, the first one is meant. `argv` outlives the line. Returns 0, or
 * -EINVAL after it has printed what is wrong. Either way line_done() follows. */
int line_parse(const struct command *const *commands, const char *const *argv, struct line *ret) MUST_CHECK;
void line_done(struct line *);

/* The options of every command, for --help. */
extern const struct command_option line_configured[], line_general[];

#endif
