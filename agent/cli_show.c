#include "cli_show.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "store/show.h"

enum { DONE, FAILED, USAGE, LIMIT = 50 };

static int wrong(const char *what)
{
	fprintf(stderr, "oxpecker: show: %s; see oxpecker show --help\n", what);
	return USAGE;
}

int cli_show(const struct cli_show *c)
{
	struct store_show_options o = { .limit = LIMIT, .json = c->json };

	if (!c->what)
		return wrong("logs, traces or metrics?");
	if (c->limit && !u64_parse(bytes_of(c->limit), &o.limit))
		return wrong("--limit takes a number");
	return store_show(c->state, c->what, &o, stdout) ? FAILED : DONE;
}
