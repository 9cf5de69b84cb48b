/*
 * The step `sample`: keeps a part of the lines of a level.
 *
 * A hash of the line, or of one of its members, decides which lines stay. So a line that is read again after a restart
 * gets the same answer, and so do all lines of one request if the member is its id. All lines of a level that is not
 * listed stay.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "config/option.h"
#include "pipeline/step.h"
#include "proto/log_level.h"

struct sample_config {
	const struct option_map *levels;
	const char *by;
};

struct step {
	double ratios[SEVERITIES];
	struct bytes by; /* empty: hash the line */
};

static const struct option rows[] = {
	{ OPT_MAP(struct sample_config, levels), .name = "levels", .required = true,
		.example = "{ debug: 0.01, info: 0.1 }",
		.help = "Share of each level that is kept, from 0 to 1; `unknown` is for lines without a level." },
	{ OPT_TEXT(struct sample_config, by), .name = "by", .example = "trace_id",
		.help = "Member by which lines are kept or left out together. A line that lacks it, or has null, "
			"\"\" or zeros there, is sampled alone." },
	{ .name = NULL },
};

static bool read_ratio(const char *text, double *ret)
{
	char *end;
	double ratio = strtod(text, &end);

	if (end == text || *end || !isfinite(ratio) || ratio < 0 || ratio > 1)
		return false;
	*ret = ratio;
	return true;
}

static bool read_level(const char *word, enum severity *ret)
{
	for (int i = 0; i < SEVERITIES; i++)
		if (strcmp(severity_name(i), word) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

static bool read_levels(const struct option_map *levels, double ratios[SEVERITIES])
{
	enum severity level;

	for (size_t i = 0; i < levels->count; i++)
		if (!read_level(levels->pairs[i].key, &level) || !read_ratio(levels->pairs[i].value, &ratios[level]))
			return false;
	return true;
}

static bool check(const void *config, char *why, size_t room)
{
	double ratios[SEVERITIES];
	bool fine = read_levels(((const struct sample_config *)config)->levels, ratios);

	if (!fine)
		snprintf(why, room,
			"levels: trace, debug, info, warn, error, fatal, unknown, each with a number from 0 to 1");
	return fine;
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct sample_config *c = config;
	struct step *s = oxp_new(sizeof *s);
	bool fine;

	(void)host;
	for (int i = 0; i < SEVERITIES; i++)
		s->ratios[i] = 1;
	s->by = bytes_of(c->by ? c->by : "");
	fine = read_levels(c->levels, s->ratios);
	OXP_ASSERT(fine && "check() has been asked");
	*ret = s;
	return 0;
}

/* null, "" and zeros are not an id: tracing libraries write zeros when there is no trace. */
static bool is_absent(struct bytes value)
{
	if (json_kind(value) == MEMBER_NULL)
		return true;
	if (json_kind(value) == MEMBER_STRING)
		value = json_inner(value);
	for (size_t i = 0; i < value.size; i++)
		if (value.data[i] != '0')
			return false;
	return true;
}

/* Hashes the line as it came, not as edited, so that the answer is the same after a restart, whatever steps were added
 * before this one. */
static uint64_t hash_of(const struct step *s, const struct record *record)
{
	const struct json_edit *e = record->edit;
	int at = s->by.size ? json_edit_find(e, s->by) : -1;
	struct bytes id = at >= 0 ? json_edit_value(e, (size_t)at) : (struct bytes){ "", 0 };

	if (at >= 0 && !is_absent(id))
		return XXH3_64bits(id.data, id.size);
	return XXH3_64bits_withSeed(e->text.data, e->text.size, record->generation ^ record->offset << 20);
}

static enum step_answer apply(struct step *s, struct record *record)
{
	double ratio = s->ratios[severity_of_line(record->edit)];

	if (ratio >= 1)
		return STEP_KEEP;
	return (double)(hash_of(s, record) >> 11) * 0x1p-53 < ratio ? STEP_KEEP : STEP_DROP;
}

static void destroy(struct step *s)
{
	free(s);
}

const struct step_type step_sample = {
	.name = "sample",
	.summary = "Keeps a share of the log lines of each level.",
	.signals = SIGNAL_LOGS,
	.options = rows,
	.config_size = sizeof(struct sample_config),
	.check = check,
	.create = create,
	.apply = apply,
	.destroy = destroy,
};
