/*
 * The `exec` check: fine if a command ends with status 0. No shell is in between.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/option.h"
#include "health/health.h"
#include "health/helped.h"
#include "health/look.h"

struct exec_config {
	const struct option_list *command;
};

static const struct option exec_options[] = {
	{ OPT_TEXTS(struct exec_config, command), .name = "command", .main = true, .required = true,
		.example = "[/usr/local/bin/ready, --quick]",
		.help = "Program to run, and its arguments. No shell reads them. Status 0 is fine." },
	{ .name = NULL },
};

/* In the helper, which becomes the command. */
bool look_exec(const struct look_words *words, char why[LOOK_WHY_MAX])
{
	signal(SIGPIPE, SIG_DFL);
	execvp(words->words[0], words->words);
	snprintf(why, LOOK_WHY_MAX, "cannot run %s: %s", words->words[0], strerror(errno));
	return false;
}

static int exec_create(const void *config, struct host *host, struct check **ret)
{
	const struct option_list *command = ((const struct exec_config *)config)->command;

	if (command->count > LOOK_WORDS_MAX || !*command->items[0]) {
		host_log(host, LOG_LEVEL_ERROR, "command: it names no program, or has more than %d words",
			LOOK_WORDS_MAX);
		return -EINVAL;
	}
	return helped_create(&(struct helped_task){ "exec", command->items, command->count }, host, ret);
}

const struct check_type check_exec = {
	.name = "exec",
	.summary = "Fine if a command ends with status 0.",
	.options = exec_options,
	.config_size = sizeof(struct exec_config),
	.create = exec_create,
	.start = helped_start,
	.cancel = helped_cancel,
	.destroy = helped_destroy,
};
