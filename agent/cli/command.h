/*
 * A command is one file of this folder and one row of the table in main.c.
 *
 * Parsing, the errors about words and options, and --help follow from the rows: a command never looks at argv.
 */
#ifndef OXP_CLI_COMMAND_H
#define OXP_CLI_COMMAND_H

#include "base/base.h"

struct agent_config;

/* Exit statuses of most commands; those that differ say so in `exits`. */
enum { COMMAND_DONE, COMMAND_FAILED, COMMAND_MISUSED };

/* A list of rows ends with one without a name. */
struct command_option {
	const char *name; /* "--limit" */
	const char *alias; /* "-f"; NULL: none */
	const char *value; /* what follows it, for --help: "N"; NULL: nothing */
	const char *text; /* for --help; a line is 60 columns at most */
	/* Where it goes in the command's own struct: to a const char *, or to a bool if nothing follows it. */
	size_t at;
};

struct command_call {
	const void *options; /* the command's own struct */
	const char *const *words; /* that follow the command, word_count of them */
	size_t word_count;
	const struct agent_config *config;
	const struct command *const
		*commands; /* all there are, up to NULL; the first is what runs when none is named */
};

struct command {
	const char *name;
	/* What follows it, for people: "[FILE]", "ls|show [ID]..."; "": nothing. Completion offers what stands between
	 * the bars. */
	const char *words;
	size_t words_max;
	const char *summary; /* one line of `oxpecker --help` */
	const char *about; /* paragraphs of `oxpecker COMMAND --help`, 80 columns at most */
	const char *exits; /* its exit statuses, in a few words; NULL: 0, or 1 when it failed */
	const struct command_option *options; /* NULL: it has none of its own */
	size_t options_size; /* of the struct that they go to */
	bool first_word_is_file; /* the first word is the configuration, as --config is */
	bool unconfigured; /* it reads no configuration, and has no use for --config and --set */
	/* Returns the exit status. */
	int (*run)(const struct command_call *);
};

#endif
