/*
 * `oxpecker check`: is the configuration fine? main.c reads it and prints what is wrong with it, as for every command.
 */
#include "cli/commands.h"

#include <stdio.h>

#include "agent_config.h"
#include "cli/output.h"
#include "config/reference.h"

struct options {
	bool effective;
};

static int run(const struct command_call *call)
{
	const struct options *o = call->options;
	struct buffer out;

	if (call->config->resource_wrong)
		fprintf(stderr, "OTEL_RESOURCE_ATTRIBUTES %s\n", call->config->resource_wrong);
	if (!o->effective) {
		printf("fine: %s\n", call->config->name);
		return COMMAND_DONE;
	}
	buffer_init(&out, OUTPUT_MAX);
	return output_buffer(&out, config_effective(call->config->file, &out));
}

static const struct command_option options[] = {
	{ .name = "--effective",
		.text = "also print the result, with defaults and without secrets",
		.at = offsetof(struct options, effective) },
	{ .name = NULL },
};

const struct command command_check = {
	.name = "check",
	.words = "[FILE]",
	.words_max = 1,
	.first_word_is_file = true,
	.summary = "check a configuration; errors name line and column",
	.about = "Checks a configuration. Each error names file, line and column. Nothing is\n"
		 "started and no server is asked.\n",
	.exits = "0 the configuration is right; 1 it is not.",
	.options = options,
	.options_size = sizeof(struct options),
	.run = run,
};
