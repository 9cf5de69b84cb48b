/*
 * The step `filter`: keeps the log lines that fit its `where` and are not below its level. A line without a level
 * counts as high enough.
 */
#include <stdio.h>
#include <stdlib.h>

#include "config/option.h"
#include "pipeline/log_where.h"
#include "pipeline/step.h"
#include "proto/log_level.h"

struct filter_config {
	const struct option_map *where;
	unsigned min_level; /* counted from trace */
};

struct step {
	struct log_where where;
	enum severity least;
};

static const char *const levels[] = { "trace", "debug", "info", "warn", "error", "fatal", NULL };

static const struct option rows[] = {
	{ OPT_CHOICE(struct filter_config, min_level, levels), .name = "min_level", .main = true, .text = "trace",
		.example = "info", .help = "Lowest level that is kept; a line without a level is kept, too." },
	{ OPT_MAP(struct filter_config, where), .name = "where",
		.example = "{ path: \"!/health*\", status: \">=500\" }", .help = LOG_WHERE_HELP },
	{ .name = NULL },
};

static bool has_where(const struct filter_config *c)
{
	return c->where && c->where->count > 0;
}

static bool check(const void *config, char *why, size_t room)
{
	const struct filter_config *c = config;
	struct log_where where = { .count = 0 };

	if (has_where(c))
		return log_where_read(&where, c->where, why, room);
	snprintf(why, room, "neither min_level above trace nor where are given: nothing would be left out");
	return c->min_level > 0;
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct filter_config *c = config;
	struct step *s = oxp_new(sizeof *s);
	char why[256];
	bool fine = !has_where(c) || log_where_read(&s->where, c->where, why, sizeof why);

	(void)host;
	OXP_ASSERT(fine && "check() has been asked");
	s->least = (enum severity)(SEVERITY_TRACE + c->min_level);
	*ret = s;
	return 0;
}

static bool is_high_enough(const struct step *s, const struct json_edit *e)
{
	enum severity severity = s->least > SEVERITY_TRACE ? severity_of_line(e) : SEVERITY_UNKNOWN;

	return severity == SEVERITY_UNKNOWN || severity >= s->least;
}

static enum step_answer apply(struct step *s, struct record *record)
{
	return is_high_enough(s, record->edit) && log_where_fits(&s->where, record->edit) ? STEP_KEEP : STEP_DROP;
}

static void destroy(struct step *s)
{
	log_where_done(&s->where);
	free(s);
}

const struct step_type step_filter = {
	.name = "filter",
	.summary = "Keeps the log lines of a level, and those that `where` describes.",
	.signals = SIGNAL_LOGS,
	.options = rows,
	.config_size = sizeof(struct filter_config),
	.check = check,
	.create = create,
	.apply = apply,
	.destroy = destroy,
};
