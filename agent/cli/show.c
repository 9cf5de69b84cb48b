/*
 * `oxpecker show`: parses its command line. store/show.c does the work.
 */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "agent_config.h"
#include "base/text.h"
#include "config/value.h"
#include "proto/rfc3339.h"
#include "store/show.h"

enum { LIMIT = 50, DATE_SIZE = sizeof "2026-11-23" - 1 };

struct options {
	const char *limit, *since, *grep, *service, *trace, *level; /* as written, or NULL if missing */
	bool follow, json;
};

/* Reads a duration before now, or a time. A day means its beginning. */
static bool parse_since(const char *text, struct wall_time *ret)
{
	struct duration ago;
	struct rfc3339 t;
	char whole[40];

	if (!value_duration(text, &ago)) {
		ret->ns = clock_system.wall(&clock_system).ns - ago.ns;
		return true;
	}
	snprintf(whole, sizeof whole, "%s%s", text, strlen(text) == DATE_SIZE ? "T00:00:00Z" : "");
	if (!rfc3339_read(bytes_of(whole), &t) || t.seconds < 0 || t.seconds >= INT64_MAX / 1000000000)
		return false;
	ret->ns = t.seconds * 1000000000 + t.nanos;
	return true;
}

/* Returns what is wrong with the command line, or NULL. */
static const char *parse(const char *what, const struct options *c, struct store_show_options *ret)
{
	unsigned kind = what ? store_show_kind(what) : 0;

	if (!kind)
		return "expected logs, traces or metrics";
	if (c->limit && !u64_parse(bytes_of(c->limit), &ret->limit))
		return "--limit takes a number";
	if (c->since && !parse_since(c->since, &ret->since))
		return "--since takes a duration such as 10m, or a moment such as 2026-11-23T04:45:06Z";
	if (c->level && kind != SHOW_LOGS)
		return "--level applies to logs only";
	if ((c->service || c->trace) && kind == SHOW_METRICS)
		return "--service and --trace apply to logs and traces only";
	ret->level = c->level ? severity_of_word(bytes_of(c->level)) : SEVERITY_UNKNOWN;
	if (c->level && ret->level == SEVERITY_UNKNOWN)
		return "--level takes trace, debug, info, warn, error or fatal";
	return NULL;
}

static int run(const struct command_call *call)
{
	const struct options *c = call->options;
	const char *what = call->words[0], *wrong;
	struct store_show_options o = { .limit = LIMIT,
		.grep = c->grep,
		.service = c->service,
		.trace = c->trace,
		.follow = c->follow,
		.json = c->json };

	wrong = parse(what, c, &o);
	if (!wrong)
		return store_show(call->config->state.path, what, &o, stdout) ? COMMAND_FAILED : COMMAND_DONE;
	fprintf(stderr, "oxpecker: show: %s; see oxpecker show --help\n", wrong);
	return COMMAND_MISUSED;
}

#define AT(field) .at = offsetof(struct options, field)
static const struct command_option options[] = {
	{ .name = "--limit", .value = "N", AT(limit), .text = "only the newest N (default 50)" },
	{ .name = "--since",
		.value = "WHEN",
		AT(since),
		.text = "only since then: 10m, 2h, or 2026-11-23T04:45:06Z (UTC if\n"
			"there is no offset). Metrics: every snapshot since then" },
	{ .name = "--follow", .alias = "-f", AT(follow), .text = "keep printing what comes in, until interrupted" },
	{ .name = "--grep", .value = "TEXT", AT(grep), .text = "only what contains this text, letter by letter" },
	{ .name = "--service", .value = "NAME", AT(service), .text = "logs, traces: only this service" },
	{ .name = "--trace",
		.value = "ID",
		AT(trace),
		.text = "logs, traces: only this trace; the first digits are enough" },
	{ .name = "--level",
		.value = "LEVEL",
		AT(level),
		.text = "logs: only this level and above (trace, debug, info, warn,\n"
			"error, fatal); lines without a level are left out" },
	{ .name = "--json", AT(json), .text = "print one JSON object a line" },
	{ .name = NULL },
};
#undef AT

const struct command command_show = {
	.name = "show",
	.words = "logs|traces|metrics",
	.words_max = 1,
	.summary = "show what the embedded store holds",
	.about = "Prints what the embedded store holds, the newest last. The agent need not run.\n"
		 "A signal that has an exporter is not in the store.\n",
	.options = options,
	.options_size = sizeof(struct options),
	.run = run,
};
