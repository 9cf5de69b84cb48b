/*
 * The program: finds the command, reads the configuration, runs it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "addresses.h"
#include "agent.h"
#include "base/cut_maps.h"
#include "base/log_limit.h"
#include "base/text.h"
#include "base/trim.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/line.h"
#include "health/helper.h"
#include "own_files.h"

struct run_options {
	bool debug;
};

/* Raises the soft limit of descriptors to the hard one. The soft limit protects programs that use select(). Connections
 * and files have ceilings of their own. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(const struct command_call *call)
{
	const struct run_options *o = call->options;
	struct log log = { .fd = STDERR_FILENO,
		.level = o->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		.clock = &clock_system,
		.form = isatty(STDERR_FILENO) ? LOG_FORM_COLOUR : LOG_FORM_JSON,
		.limit = oxp_new(sizeof *log.limit) };
	struct agent *agent = oxp_new(sizeof *agent);
	uint64_t lost;
	int failed;

	raise_descriptors();
	trim_large();
	failed = agent_start(agent, call->config, &log);
	if (!failed)
		agent_run(agent);
	lost = agent_stop(agent);
	free(agent);
	free(log.limit);
	return failed || lost ? COMMAND_FAILED : COMMAND_DONE;
}

static const struct command_option run_options[] = {
	{ .name = "--debug", .text = "log more", .at = offsetof(struct run_options, debug) },
	{ .name = NULL },
};

static const struct command command_run = {
	.name = "run",
	.words = "",
	.summary = "run until SIGTERM",
	.about = "Runs until SIGTERM. Then it delivers what it holds, or writes it to disk, within\n"
		 "`exit.within`. After SIGINT it takes two seconds at most. The log on stderr is\n"
		 "JSON, or text on a terminal. The line \"running\" names every address that the\n"
		 "agent listens on.\n"
		 "The word `run` may be left out.\n",
	.exits = "0 nothing was lost; 1 it could not start, or records were lost.",
	.options = run_options,
	.options_size = sizeof(struct run_options),
	.run = run,
};

/* If no command is named, the first one runs. */
static const struct command *const commands[] = { &command_run, &command_check, &command_reference, &command_status,
	&command_health, &command_show, &command_parked, &command_recorder, &command_state, &command_completion, NULL };

static const char *config_path(const struct line *l)
{
	const char *installed = "/etc/oxpecker/oxpecker.yaml", *named = getenv("OXPECKER_CONFIG");

	if (l->command->first_word_is_file && l->word_count > 0)
		return l->words[0];
	if (l->config)
		return l->config;
	if (named && *named)
		return named;
	return access(installed, F_OK) == 0 ? installed : NULL;
}

static void print_errors(const struct agent_config *config)
{
	struct buffer out;

	buffer_init(&out, 1 << 20);
	if (config_errors_print(&config->file->errors, true, &out) == 0)
		fprintf(stderr, "%.*s", (int)out.size, out.data);
	buffer_done(&out);
}

static void complain(const char *path, int failed)
{
	fprintf(stderr, "oxpecker: cannot read %s: ", path);
	if (failed == -ENOSPC)
		fprintf(stderr, "it is larger than %d KiB; expected a configuration\n", TREE_INPUT_MAX >> 10);
	else
		fprintf(stderr, "%s\n", failed == -EINVAL ? "it is not a regular file" : strerror(-failed));
}

/* Reads the configuration that the command line names. On failure, every error has been printed. */
static int load(const struct line *l, struct agent_config *config)
{
	const char *path = config_path(l);
	struct buffer text;
	int failed = 0;

	buffer_init(&text, TREE_INPUT_MAX + 1);
	if (path)
		failed = config_file(path, &text);
	if (failed) {
		complain(path, failed);
	} else {
		failed = agent_config_load(config, &(struct config_input){ .name = path ? path : "built-in defaults",
							   .text = buffer_bytes(&text),
							   .sets = l->sets,
							   .world = &config_world_system });
		if (!failed)
			failed = addresses_check(config);
		if (!failed)
			failed = own_files_check(config);
		if (failed)
			print_errors(config);
	}
	buffer_done(&text);
	return failed;
}

/* Returns the exit status. */
static int run_command(const struct line *l)
{
	struct agent_config *config = agent_config_new();
	int status = COMMAND_FAILED;

	if (l->command->unconfigured || load(l, config) == 0)
		status = l->command->run(
			&(struct command_call){ l->options, l->words, l->word_count, config, commands });
	agent_config_free(config);
	return status;
}

int main(int argc, char **argv)
{
	struct line line;
	int status = COMMAND_DONE;

	(void)argc;
	if (helper_is_meant((const char *const *)argv))
		return helper_run((const char *const *)argv);
	cut_maps_outlive();
	if (line_parse(commands, (const char *const *)argv, &line) < 0)
		status = COMMAND_MISUSED;
	else if (line.help && line.command)
		help_command(line.command);
	else if (line.help)
		help_program(commands);
	else if (line.version)
		puts("oxpecker " OXP_VERSION);
	else
		status = run_command(&line);
	line_done(&line);
	return status;
}
