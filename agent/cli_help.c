#include "cli_help.h"

#include <string.h>

#include "base/base.h"

#define CONFIGURED                                                                          \
	"\n"                                                                                \
	"  --config FILE     default: $OXPECKER_CONFIG, else /etc/oxpecker/oxpecker.yaml,\n" \
	"                    else built-in defaults\n"                                      \
	"  --set PATH=VALUE  overrides a value of the file: --set memory=16MiB\n"

static const char program[] =
	"oxpecker: an observability sidecar beside one application\n"
	"\n"
	"  oxpecker               run until SIGTERM\n"
	"  oxpecker check [FILE]  check a configuration; errors name line and column\n"
	"  oxpecker reference     print every option with its default\n"
	"  oxpecker status        show what came in and what became of it\n"
	"  oxpecker health        ask the running agent whether it is ready (exec probe)\n"
	"  oxpecker show logs|traces|metrics\n"
	"                         show what the embedded store holds\n"
	"  oxpecker parked ls|show|replay|drop\n"
	"                         handle records that destinations refused\n" CONFIGURED
	"  --debug           log more\n"
	"  --version, --help\n"
	"\n"
	"More about one command: oxpecker COMMAND --help\n";

static const struct {
	const char *command, *text;
} texts[] = {
	{ "run",
		"oxpecker [run] [--config FILE] [--set PATH=VALUE]... [--debug]\n"
		"\n"
		"Runs until SIGTERM. Then it delivers what it holds, or keeps it on disk, within\n"
		"`exit.within`. After SIGINT it takes two seconds at most. The log on stderr is\n"
		"JSON, or text on a terminal. The line \"running\" names every address that the\n"
		"agent listens on.\n" CONFIGURED
		"  --debug           log more\n"
		"\n"
		"Exit status: 0 nothing was lost; 1 it could not start, or records were lost.\n" },
	{ "check",
		"oxpecker check [FILE] [--effective]\n"
		"\n"
		"Checks a configuration. Each error names file, line and column. Nothing is\n"
		"started and no server is asked.\n" CONFIGURED
		"  --effective       also print the result, with defaults and without secrets\n"
		"\n"
		"Exit status: 0 the configuration is right; 1 it is not.\n" },
	{ "reference",
		"oxpecker reference [--schema]\n"
		"\n"
		"Prints every option with its default, as a configuration file.\n"
		"\n"
		"  --schema          print it as JSON Schema, for editors\n" },
	{ "status",
		"oxpecker status [--json]\n"
		"\n"
		"Asks the running agent, at its control socket, what came in and what became of\n"
		"it: sources, destinations, scrapes, checks, what was dropped and why.\n" CONFIGURED
		"  --json            print the whole report as JSON\n"
		"\n"
		"Exit status: 0 the ledger balances; 1 it does not; 2 no agent answers.\n" },
	{ "health",
		"oxpecker health\n"
		"\n"
		"Asks the running agent, at its control socket, whether it is ready. For an exec\n"
		"probe.\n" CONFIGURED
		"\n"
		"Exit status: 0 ready; 1 not ready, or no agent answers.\n" },
	{ "show",
		"oxpecker show logs|traces|metrics\n"
		"\n"
		"Prints what the embedded store holds, the newest last. The agent need not run.\n"
		"A signal that has an exporter is not in the store.\n"
		"\n"
		"  --limit N         only the newest N (default 50)\n"
		"  --since WHEN      only since then: 10m, 2h, or 2026-11-23T04:45:06Z (UTC if\n"
		"                    there is no offset). Metrics: every snapshot since then\n"
		"  --follow, -f      keep printing what comes in, until interrupted\n"
		"  --grep TEXT       only what contains this text, letter by letter\n"
		"  --service NAME    logs, traces: only this service\n"
		"  --trace ID        logs, traces: only this trace; the first digits are enough\n"
		"  --level LEVEL     logs: only this level and above (trace, debug, info, warn,\n"
		"                    error, fatal); lines without a level are left out\n"
		"  --json            print one JSON object a line\n" CONFIGURED },
	{ "parked",
		"oxpecker parked ls              lists what destinations refused, oldest first\n"
		"oxpecker parked show ID...      shows the records, too\n"
		"oxpecker parked replay ID...    sends records again, and deletes those that are\n"
		"                                taken\n"
		"oxpecker parked drop ID...      deletes records\n"
		"\n"
		"ls and show read `state`; the agent need not run.\n"
		"\n"
		"  --destination NAME  only what NAME refused: logs.export.elasticsearch\n"
		"  --all               replay, drop: all records\n"
		"  --rename OLD=NEW    replay: renames a member of the JSON line; a.b is b in a\n"
		"  --json              print JSON\n" CONFIGURED
		"\n"
		"Exit status: 0 everything was done; 1 not everything; 2 no agent answers.\n" },
};

const char *cli_help(const char *command)
{
	if (!command)
		return program;
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (strcmp(texts[i].command, command) == 0)
			return texts[i].text;
	return "";
}
