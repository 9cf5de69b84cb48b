/*
 * `relabel`: rules between a page and the series table, for collectors of metrics. A collector without rules hands its
 * samples to the table itself, and this costs nothing.
 *
 * With rules, the target of the table has no labels of its own: they are added here, so that rules see them as
 * Prometheus' metric_relabel_configs see a target's.
 */
#ifndef OXP_COLLECTORS_RELABELLING_H
#define OXP_COLLECTORS_RELABELLING_H

#include "config/option.h"
#include "proto/relabel.h"
#include "series/series.h"

struct host;
struct json_writer;

extern const struct option_item relabelling_item;

#define RELABELLING_ROW(type, field)                                                                                 \
	{                                                                                                            \
		OPT_ITEMS(type, field, &relabelling_item),                                                           \
			.name = "relabel", .verbatim = true,                                                         \
			.example = "[{ source_labels: [__name__], regex: \"go_.*\", action: drop }]",                \
			.help = "Rules as in metric_relabel_configs of Prometheus, applied to each sample in their " \
				"order."                                                                             \
	}

/*
 * Invariant: rules is NULL if there are none; then nothing else is set.
 */
struct relabelling {
	struct host *host;
	struct relabel *rules;
	size_t rule_count;
	struct series_target *target; /* of the page under way, with the labels that belong to it */
	struct relabel_label labels[RELABEL_TARGET_LABELS_MAX];
	size_t label_count;
	uint64_t dropped, nameless; /* samples of the page under way … */
	uint64_t last_dropped, last_nameless; /* … and of the last whole one */
	uint64_t told_overruns; /* of relabel_overruns() */
	uint64_t *overruns; /* counted by the host, for all rules of the component */
};

/* `items` may be NULL. 0 or -ENOMEM. */
int relabelling_init(struct relabelling *, struct host *, const struct option_items *) MUST_CHECK;
void relabelling_done(struct relabelling *); /* fine on zeroed memory */

/* As series_target_new(); if there are rules, the target gets no labels. */
int relabelling_target(const struct relabelling *, struct series *, const struct series_label *, size_t count,
	struct series_target **ret) MUST_CHECK;
/* A page begins. The labels are those that the target was made with, and live until its end. */
void relabelling_begin(struct relabelling *, struct series_target *, const struct series_label *, size_t count);
/* With a struct relabelling that has rules as context; in place of series_events, whose context is the target. */
extern const struct exposition_events relabelling_events;
/* The page was committed: what was dropped is counted. */
void relabelling_end(struct relabelling *, struct series_counts *);
void relabelling_report(const struct relabelling *, struct json_writer *);

#endif
