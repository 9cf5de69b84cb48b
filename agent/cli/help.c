#include "cli/help.h"

#include <string.h>

#include "base/base.h"

#define CONFIGURED                                                                      \
	"\n"                                                                            \
	"  --config FILE     else $OXPECKER_CONFIG, else /etc/oxpecker/oxpecker.yaml,\n" \
	"                    else built-in defaults\n"                                  \
	"  --set PATH=VALUE  lays a value over the file: --set memory=16MiB\n"

static const char program[] =
	"oxpecker: an observability sidecar beside one application\n"
	"\n"
	"  oxpecker               run until SIGTERM\n"
	"  oxpecker check [FILE]  say what is wrong with a configuration, and where\n"
	"  oxpecker reference     every option with its default, as a configuration file\n"
	"  oxpecker status        what came in and what became of it\n"
	"  oxpecker health        readiness of the running agent, as an exec probe\n"
	"  oxpecker show logs|traces|metrics\n"
	"                         what the embedded store holds\n"
	"  oxpecker parked ls|show|replay|drop\n"
	"                         what destinations refused\n" CONFIGURED
	"  --debug           log more\n"
	"  --version, --help\n"
	"\n"
	"oxpecker COMMAND --help says more about one of them.\n";

static const struct {
	const char *command, *text;
} texts[] = {
	{ "run",
		"oxpecker [run] [--config FILE] [--set PATH=VALUE]... [--debug]\n"
		"\n"
		"Runs until SIGTERM, then delivers what it holds or keeps it on disk, within\n"
		"`exit.within`. SIGINT takes two seconds at most. The log is JSON on stderr, and\n"
		"text on a terminal; the line \"running\" names every address it listens on.\n" CONFIGURED
		"  --debug           log more\n"
		"\n"
		"Exit status: 0 nothing was lost; 1 it could not start, or something was lost.\n" },
	{ "check",
		"oxpecker check [FILE] [--effective]\n"
		"\n"
		"Reads a configuration and says what is wrong with it, each fault with file, line\n"
		"and column. Nothing is started and no server is asked.\n" CONFIGURED
		"  --effective       also print what it comes to, with defaults, secrets hidden\n"
		"\n"
		"Exit status: 0 it is fine; 1 it is not.\n" },
	{ "reference",
		"oxpecker reference [--schema]\n"
		"\n"
		"Prints every option with its default, as a configuration file.\n"
		"\n"
		"  --schema          the same as JSON Schema, for editors\n" },
	{ "status",
		"oxpecker status [--json]\n"
		"\n"
		"Asks the running agent, by its control socket, what came in and what became of\n"
		"it: sources, destinations, scrapes, checks, what was dropped and why.\n" CONFIGURED
		"  --json            the whole report, as JSON\n"
		"\n"
		"Exit status: 0 the ledger balances; 1 it does not; 2 no agent answers.\n" },
	{ "health",
		"oxpecker health\n"
		"\n"
		"Readiness of the running agent, as an exec probe.\n" CONFIGURED
		"\n"
		"Exit status: 0 ready; 1 not ready, or no agent answers.\n" },
	{ "show",
		"oxpecker show logs|traces|metrics\n"
		"\n"
		"Prints what the embedded store holds, the newest last; the agent need not run.\n"
		"A signal that has an exporter goes there and not into the store.\n"
		"\n"
		"  --limit N         the newest N (default 50)\n"
		"  --since WHEN      nothing older: 10m, 2h, or 2026-11-23T04:45:06Z (UTC if it\n"
		"                    says no offset). Of metrics: every snapshot since then\n"
		"  --follow, -f      go on with what comes, until interrupted\n"
		"  --grep TEXT       only what has this text in it, as it stands\n"
		"  --service NAME    logs, traces: only of this service\n"
		"  --trace ID        logs, traces: only of this trace; its first digits will do\n"
		"  --level LEVEL     logs: this one and above: trace, debug, info, warn, error,\n"
		"                    fatal; a line without a level is left out\n"
		"  --json            one JSON object a line\n" CONFIGURED },
	{ "parked",
		"oxpecker parked ls              what destinations refused, oldest first\n"
		"oxpecker parked show ID...      with what was refused\n"
		"oxpecker parked replay ID...    sends it again; what is taken is not parked\n"
		"                                any more\n"
		"oxpecker parked drop ID...      gives it up\n"
		"\n"
		"ls and show need no running agent: they read `state`.\n"
		"\n"
		"  --destination NAME  only what NAME refused: logs.export.elasticsearch\n"
		"  --all               replay, drop: all of it\n"
		"  --rename OLD=NEW    replay: a member of the JSON line goes by another name;\n"
		"                      a.b is b within a\n"
		"  --json              as JSON\n" CONFIGURED
		"\n"
		"Exit status: 0 all that was asked for was done; 1 not all; 2 no agent answers.\n" },
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
