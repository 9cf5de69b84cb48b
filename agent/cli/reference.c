/*
 * `oxpecker reference`: prints every option, as in conf/oxpecker.yaml or as a JSON Schema; or the manual page.
 */
#include "cli/commands.h"

#include "agent_config.h"
#include "cli/manual.h"
#include "cli/output.h"
#include "config/reference.h"

struct options {
	bool schema, man;
};

static int run(const struct command_call *call)
{
	const struct options *o = call->options;
	const struct config_section *sections = call->config->sections;
	struct buffer out;

	buffer_init(&out, OUTPUT_MAX);
	if (o->man)
		return output_buffer(&out, manual_print(call->commands, &out));
	return output_buffer(&out, o->schema ? reference_schema(sections, &out) : reference_yaml(sections, &out));
}

static const struct command_option options[] = {
	{ .name = "--schema", .text = "print it as JSON Schema, for editors", .at = offsetof(struct options, schema) },
	{ .name = "--man",
		.text = "print the manual page instead: what --help says of every\ncommand",
		.at = offsetof(struct options, man) },
	{ .name = NULL },
};

const struct command command_reference = {
	.name = "reference",
	.words = "",
	.summary = "print every option with its default",
	.about = "Prints every option with its default, as a configuration file.\n",
	.options = options,
	.options_size = sizeof(struct options),
	.unconfigured = true,
	.run = run,
};
