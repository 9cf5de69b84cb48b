#include "collectors/relabelling.h"

#include <errno.h>
#include <stdlib.h>

#include "base/json_writer.h"
#include "component.h"

_Static_assert((int)RELABEL_TARGET_LABELS_MAX == (int)SERIES_TARGET_LABELS_MAX, "a target's labels");

struct rule_config {
	const struct option_list *source;
	const char *separator, *regex, *target, *replacement;
	uint64_t modulus;
	unsigned action;
};

static const struct option rule_options[] = {
	{ OPT_CHOICE(struct rule_config, action, relabel_action_names), .name = "action", .text = "replace",
		.any_case = true, .help = "What it does." },
	{ OPT_TEXTS(struct rule_config, source), .name = "source_labels",
		.help = "Labels whose values it looks at; __name__ is the name of the metric." },
	{ OPT_TEXT(struct rule_config, separator), .name = "separator", .text = RELABEL_SEPARATOR,
		.help = "Stands between these values." },
	{ OPT_TEXT(struct rule_config, regex), .name = "regex",
		.help = "Matches all of them, or with labelmap, labeldrop and labelkeep all of a label's name; else "
			"(.*)." },
	{ OPT_COUNT(struct rule_config, modulus), .name = "modulus", .text = "0",
		.help = "Of hashmod: how many values there are." },
	{ OPT_TEXT(struct rule_config, target), .name = "target_label", .help = "The label that is written." },
	{ OPT_TEXT(struct rule_config, replacement), .name = "replacement", .text = RELABEL_REPLACEMENT,
		.verbatim = true, .help = "What is written; $1, ${1} and ${name} are groups of the regex." },
	{ .name = NULL },
};

static struct relabel_rule rule_of(const struct rule_config *c)
{
	return (struct relabel_rule){
		.source = c->source->items,
		.source_count = c->source->count,
		.separator = c->separator,
		.regex = c->regex,
		.modulus = c->modulus,
		.target = c->target,
		.replacement = c->replacement,
		.action = (enum relabel_action)c->action,
	};
}

static const char *check(const void *item, char *why, size_t room)
{
	const struct relabel_rule rule = rule_of(item);

	return relabel_rule_check(&rule, why, room);
}

const struct option_item relabelling_item = {
	.rows = rule_options,
	.size = sizeof(struct rule_config),
	.max = RELABEL_RULES_MAX,
	.check = check,
};

int relabelling_init(struct relabelling *r, struct host *host, const struct option_items *items)
{
	const struct rule_config *configs;
	struct relabel_rule *rules;
	int failed;

	*r = (struct relabelling){ .host = host };
	if (!items || items->count == 0)
		return 0;
	configs = items->items;
	rules = oxp_new(items->count * sizeof *rules);
	for (size_t i = 0; i < items->count; i++)
		rules[i] = rule_of(&configs[i]);
	failed = relabel_new(rules, items->count, &r->rules);
	free(rules);
	if (failed)
		return failed;
	r->rule_count = items->count;
	r->overruns = host_counter(host, "relabel_overruns_total",
		"Times a relabel rule was left out for a sample, since its regex takes too many steps.");
	return 0;
}

void relabelling_done(struct relabelling *r)
{
	relabel_free(r->rules);
	r->rules = NULL;
}

int relabelling_target(const struct relabelling *r, struct series *series, const struct series_label *labels,
	size_t count, struct series_target **ret)
{
	if (!r->rules)
		return series_target_new(series, labels, count, ret);
	if (count > SERIES_TARGET_LABELS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		if (!exposition_name_valid(bytes_of(labels[i].name), true))
			return -EINVAL;
	return series_target_new(series, NULL, 0, ret);
}

void relabelling_begin(
	struct relabelling *r, struct series_target *target, const struct series_label *labels, size_t count)
{
	if (!r->rules)
		return;
	relabel_begin_page(r->rules);
	r->target = target;
	r->label_count = count;
	for (size_t i = 0; i < count; i++)
		r->labels[i] = (struct relabel_label){ bytes_of(labels[i].name), bytes_of(labels[i].value) };
	r->dropped = r->nameless = 0;
}

static int on_meta(void *context, const struct exposition_meta *meta)
{
	const struct relabelling *r = context;

	return series_events.meta(r->target, meta);
}

static int on_sample(void *context, const struct exposition_sample *sample)
{
	struct relabelling *r = context;
	struct exposition_sample made;

	switch (relabel_apply(r->rules, sample, r->labels, r->label_count, &made)) {
	case RELABEL_KEPT:
		return series_events.sample(r->target, &made);
	case RELABEL_NAMELESS:
		r->nameless++;
		break;
	case RELABEL_DROPPED:
		break;
	}
	r->dropped++;
	return 0;
}

const struct exposition_events relabelling_events = { .meta = on_meta, .sample = on_sample };

void relabelling_end(struct relabelling *r, struct series_counts *counts)
{
	uint64_t overruns;

	if (!r->rules)
		return;
	counts->received += r->dropped;
	counts->filtered += r->dropped;
	overruns = relabel_overruns(r->rules);
	if (r->nameless > 0 && r->last_nameless == 0)
		host_log(r->host, LOG_LEVEL_WARN,
			"%llu samples have no name, or a label without one, once relabel is through: they are dropped",
			(unsigned long long)r->nameless);
	if (overruns > 0 && r->told_overruns == 0)
		host_log(r->host, LOG_LEVEL_WARN,
			"the regex of a relabel rule takes too many steps with a sample: the rule is left out for it");
	*r->overruns += overruns - r->told_overruns;
	r->told_overruns = overruns;
	r->last_dropped = r->dropped;
	r->last_nameless = r->nameless;
}

void relabelling_report(const struct relabelling *r, struct json_writer *w)
{
	if (!r->rules)
		return;
	json_put_object(w, "relabel");
	json_put_u64(w, "rules", r->rule_count);
	json_put_u64(w, "dropped", r->last_dropped);
	json_put_u64(w, "nameless", r->last_nameless);
	json_put_u64(w, "overruns", r->told_overruns);
	json_put_end(w);
}
