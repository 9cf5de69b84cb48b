/*
 * `where` of a step of metrics: what a sample has to be like. All of it has to be true.
 *
 *	name      the metric's name, or that of its sample: with http_seconds also http_seconds_bucket, and the latter
 *	          alone if it says so
 *	type      counter, gauge, histogram, gaugehistogram, summary, info, stateset or unknown
 *	X         the label X; labels.X if X is one of the words above
 *
 * Each is held against a pattern (proto/pattern.h), as `where` of the other signals. A label without a value is none.
 */
#ifndef OXP_METRIC_WHERE_H
#define OXP_METRIC_WHERE_H

#include "config/option.h"
#include "pipeline/step.h"
#include "proto/pattern.h"
#include "series/steps.h"

enum { METRIC_WHERE_MAX = 32 };
#define METRIC_WHERE_HELP                                                                                             \
	"What a sample has to be like, all of it: name (of the metric, or of its sample: x is also x_bucket), type, " \
	"or the name of a label; " PATTERN_HELP

enum metric_where_what { METRIC_WHERE_NAME, METRIC_WHERE_TYPE, METRIC_WHERE_LABEL };

struct metric_where_term {
	enum metric_where_what what;
	struct bytes label;
	struct pattern pattern;
};

struct metric_where {
	size_t count;
	struct metric_where_term terms[METRIC_WHERE_MAX];
};

/* False, and why, if it cannot be read. */
bool metric_where_read(struct metric_where *, const struct option_map *, char *why, size_t room);
bool metric_where_fits(const struct metric_where *, const struct series_edit *);

/* Whether a step may add, rename or take out that label. Not those that a histogram or a summary consists of, nor
 * those that begin with __. Else why not, into `why`. */
bool metric_label_fine(const char *name, char *why, size_t room);

#endif
