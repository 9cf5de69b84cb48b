/*
 * The steps of metrics that choose what stays: `filter` keeps the samples that fit its `where`. `drop` leaves out those
 * that fit; given names, it takes these labels out of them instead. `keep` takes all other labels out.
 *
 * Samples that are equal without these labels are merged (series/steps.h). le and quantile stay, since a histogram and
 * a summary consist of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/key_list.h"
#include "pipeline/metric_where.h"
#include "pipeline/step.h"

static const char *const gauges[] = { "refuse", "sum", "min", "max", NULL };
static const enum series_merge merges[] = { SERIES_MERGE, SERIES_MERGE_SUM, SERIES_MERGE_MIN, SERIES_MERGE_MAX };
_Static_assert(COUNT_OF(merges) == COUNT_OF(gauges) - 1, "one for each");

struct select_config {
	const struct option_map *where;
	const struct option_list *keys;
	unsigned gauges;
};

struct step {
	struct metric_where where;
	struct key_set keys;
	bool listed; /* there are keys */
	enum series_merge merge;
};

#define GAUGES_ROW                                                                                                    \
	{                                                                                                             \
		OPT_CHOICE(struct select_config, gauges, gauges),                                                     \
			.name = "gauges", .text = "refuse",                                                           \
			.help = "What gauges of a page become that are equal without these labels: refuse shows the " \
				"first, and counts the others as clashes. Counters and histograms are summed."        \
	}

static const struct option filter_rows[] = {
	{ OPT_MAP(struct select_config, where), .name = "where", .required = true,
		.example = "{ name: \"!go_*\", type: counter|histogram }", .help = METRIC_WHERE_HELP },
	{ .name = NULL },
};

static const struct option drop_rows[] = {
	{ OPT_TEXTS(struct select_config, keys), .name = "keys", .main = true, .example = "[pod, instance_id]",
		.help = "Labels to take out; without any, the sample goes that `where` describes." },
	{ OPT_MAP(struct select_config, where), .name = "where", .example = "{ name: \"http_*\", path: \"/health*\" }",
		.help = METRIC_WHERE_HELP },
	GAUGES_ROW,
	{ .name = NULL },
};

static const struct option keep_rows[] = {
	{ OPT_TEXTS(struct select_config, keys), .name = "keys", .main = true, .required = true,
		.example = "[method, status]",
		.help = "Labels to keep; all others but le and quantile are taken out." },
	GAUGES_ROW,
	{ .name = NULL },
};

static bool has_where(const struct select_config *c)
{
	return c->where && c->where->count > 0;
}

static bool check(const void *config, char *why, size_t room)
{
	const struct select_config *c = config;
	struct metric_where where;

	if (has_where(c) && !metric_where_read(&where, c->where, why, room))
		return false;
	snprintf(why, room, "%s", key_list_limits);
	if (c->keys && !key_list_fits(c->keys))
		return false;
	for (size_t i = 0; c->keys && i < c->keys->count; i++)
		if (!metric_label_fine(c->keys->items[i], why, room))
			return false;
	snprintf(why, room, "neither keys nor where are given: nothing would be taken out");
	return has_where(c) || (c->keys && c->keys->count > 0);
}

static int create(const void *config, struct host *host, struct step **ret)
{
	const struct select_config *c = config;
	struct step *s = oxp_new(sizeof *s);
	char why[256];
	bool fine = !has_where(c) || metric_where_read(&s->where, c->where, why, sizeof why);

	(void)host;
	OXP_ASSERT(fine && "check() has been asked");
	s->listed = c->keys && c->keys->count > 0;
	s->merge = merges[c->gauges];
	if (c->keys)
		key_list_add(c->keys, &s->keys);
	*ret = s;
	return 0;
}

static void destroy(struct step *s)
{
	free(s);
}

static enum step_answer apply_filter(struct step *s, struct record *record)
{
	return metric_where_fits(&s->where, record->sample) ? STEP_KEEP : STEP_DROP;
}

static bool is_fixed(struct bytes label)
{
	return bytes_are(label, "__name__") || bytes_are(label, "le") || bytes_are(label, "quantile");
}

static void take_out(const struct step *s, struct series_edit *e, bool listed)
{
	struct relabel_set *labels = e->labels;
	size_t before = labels->count;

	for (size_t i = labels->count; i-- > 0;)
		if (!is_fixed(labels->items[i].name) && key_set_has_plain(&s->keys, labels->items[i].name) == listed)
			relabel_set_remove(labels, i);
	if (labels->count == before)
		return;
	e->changed = true;
	e->merge = s->merge > e->merge ? s->merge : e->merge;
}

static enum step_answer apply_drop(struct step *s, struct record *record)
{
	if (!metric_where_fits(&s->where, record->sample))
		return STEP_KEEP;
	if (!s->listed)
		return STEP_DROP;
	take_out(s, record->sample, true);
	return STEP_KEEP;
}

static enum step_answer apply_keep(struct step *s, struct record *record)
{
	take_out(s, record->sample, false);
	return STEP_KEEP;
}

const struct step_type step_metric_filter = {
	.name = "filter",
	.summary = "Keeps the samples that fit `where`.",
	.signals = SIGNAL_METRICS,
	.options = filter_rows,
	.config_size = sizeof(struct select_config),
	.check = check,
	.create = create,
	.apply = apply_filter,
	.destroy = destroy,
};

const struct step_type step_metric_drop = {
	.name = "drop",
	.summary = "Leaves out samples, or the named labels of them.",
	.signals = SIGNAL_METRICS,
	.options = drop_rows,
	.config_size = sizeof(struct select_config),
	.check = check,
	.create = create,
	.apply = apply_drop,
	.destroy = destroy,
};

const struct step_type step_metric_keep = {
	.name = "keep",
	.summary = "Keeps the named labels of samples and no others.",
	.signals = SIGNAL_METRICS,
	.options = keep_rows,
	.config_size = sizeof(struct select_config),
	.check = check,
	.create = create,
	.apply = apply_keep,
	.destroy = destroy,
};
