/*
 * `oxpecker health`: asks for readiness at the control socket, which strangers cannot keep busy.
 */
#include "cli/commands.h"

#include <stdio.h>

#include "agent_config.h"
#include "base/text.h"
#include "cli/ask.h"

static int run(const struct command_call *call)
{
	struct cli_answer a = { .status = 0 };
	const char *control = call->config->control;

	cli_ask("GET", control, "/health/readiness", &a);
	if (a.status) { /* another program may answer at that address */
		text_put(stdout, buffer_bytes(&a.body));
		putchar('\n');
	} else {
		cli_no_agent(control, &a);
	}
	buffer_done(&a.body);
	return a.status == 200 ? COMMAND_DONE : COMMAND_FAILED;
}

const struct command command_health = {
	.name = "health",
	.words = "",
	.summary = "ask the running agent whether it is ready (exec probe)",
	.about = "Asks the running agent, at its control socket, whether it is ready. For an exec\n"
		 "probe.\n",
	.exits = "0 ready; 1 not ready, or no agent answers.",
	.run = run,
};
