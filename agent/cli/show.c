#include "cli/show.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/value.h"
#include "proto/rfc3339.h"
#include "store/show.h"

enum { DONE, FAILED, USAGE, LIMIT = 50, DATE_SIZE = sizeof "2026-11-23" - 1 };

/* A time that ago, or a moment; a day is its beginning. */
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

/* What is wrong with the words, or NULL. */
static const char *parse(const struct cli_show *c, struct store_show_options *ret)
{
	unsigned kind = c->what ? store_show_kind(c->what) : 0;

	if (!kind)
		return "logs, traces or metrics?";
	if (c->limit && !u64_parse(bytes_of(c->limit), &ret->limit))
		return "--limit takes a number";
	if (c->since && !parse_since(c->since, &ret->since))
		return "--since takes a duration such as 10m, or a moment such as 2026-11-23T04:45:06Z";
	if (c->level && kind != SHOW_LOGS)
		return "--level is for logs";
	if ((c->service || c->trace) && kind == SHOW_METRICS)
		return "--service and --trace are for logs and traces";
	ret->level = c->level ? severity_of_word(bytes_of(c->level)) : SEVERITY_UNKNOWN;
	if (c->level && ret->level == SEVERITY_UNKNOWN)
		return "--level takes trace, debug, info, warn, error or fatal";
	return NULL;
}

int cli_show(const struct cli_show *c)
{
	struct store_show_options o = { .limit = LIMIT,
		.grep = c->grep,
		.service = c->service,
		.trace = c->trace,
		.follow = c->follow,
		.json = c->json };
	const char *wrong = parse(c, &o);

	if (!wrong)
		return store_show(c->state, c->what, &o, stdout) ? FAILED : DONE;
	fprintf(stderr, "oxpecker: show: %s; see oxpecker show --help\n", wrong);
	return USAGE;
}
