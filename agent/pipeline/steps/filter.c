/*
 * The step `filter`: drops lines below a level. A line without a level stays.
 */
#include <stdlib.h>

#include "config/option.h"
#include "pipeline/step.h"
#include "proto/log_level.h"

struct filter_config {
	unsigned min_level; /* counted from trace */
};

struct step {
	enum severity least;
};

static const char *const levels[] = { "trace", "debug", "info", "warn", "error", "fatal", NULL };

static const struct option rows[] = {
	{ OPT_CHOICE(struct filter_config, min_level, levels), .name = "min_level", .main = true, .text = "info",
		.example = "info", .help = "Lowest level that is kept; a line without a level is kept, too." },
	{ .name = NULL },
};

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct filter_config *c = config;

	(void)host;
	*ret = oxp_new(sizeof **ret);
	(*ret)->least = (enum severity)(SEVERITY_TRACE + c->min_level);
	return 0;
}

static enum step_answer apply(struct step *s, struct record *record)
{
	enum severity severity = severity_of_line(record->edit);

	return severity == SEVERITY_UNKNOWN || severity >= s->least ? STEP_KEEP : STEP_DROP;
}

static void destroy(struct step *s)
{
	free(s);
}

const struct step_type step_filter = {
	.name = "filter",
	.summary = "Leaves out log lines below a level.",
	.signals = SIGNAL_LOGS,
	.options = rows,
	.config_size = sizeof(struct filter_config),
	.create = create,
	.apply = apply,
	.destroy = destroy,
};
