/*
 * What is in the flight recorder, from its file: spans, or what there is of each service. The agent may run or not.
 */
#ifndef OXP_CLI_RECORDER_SHOW_H
#define OXP_CLI_RECORDER_SHOW_H

#include "base/clock.h"

struct cli_recorder_wanted {
	const char *folder; /* of the state */
	struct duration last; /* before the newest; 0: all */
	uint64_t limit; /* the newest of them */
	const char *service, *trace; /* NULL: all; a trace's first digits are enough */
	bool json;
};

/* Each prints, and returns the exit status: COMMAND_FAILED if there is no ring, after a message on stderr. */
int cli_recorder_show(const struct cli_recorder_wanted *);
int cli_recorder_list(const struct cli_recorder_wanted *);

#endif
