/*
 * The rules of a mapping file, as they are read: statsd_mapping.h says what they mean.
 */
#ifndef OXP_COLLECTORS_STATSD_RULES_H
#define OXP_COLLECTORS_STATSD_RULES_H

#include "config/document.h"
#include "proto/regex.h"
#include "series/meters.h"

enum { STATSD_RULES_MAX = 1000, STATSD_RULE_LABELS_MAX = 32 };

struct statsd_template {
	const char *name; /* of the label; of the metric NULL */
	const char *text; /* with $1, ${1}, $name */
};

/* What is said of histograms; each may be left to who comes next: the rule, `defaults`, the collector. */
struct statsd_histogram {
	const double *bounds;
	size_t count; /* 0: not said */
	double factor; /* native_histogram_bucket_factor: above 1 it is native, too; 0: not said */
	uint32_t most; /* native_histogram_max_buckets; 0: not said */
};

struct statsd_rule {
	const char *match;
	struct regex *regex; /* NULL: `match` is a glob */
	bool of[METER_KINDS]; /* kinds of meters that it is for */
	bool drops, honor_labels;
	const char *help; /* NULL: none */
	struct duration ttl; /* 0: that of the file, or of the collector */
	double scale;
	struct statsd_histogram histogram; /* with that of `defaults` */
	struct statsd_template metric, labels[STATSD_RULE_LABELS_MAX];
	size_t label_count;
	uint64_t digest; /* of all that decides which meter a name becomes, and in which unit; not 0 */
};

/* Only statsd_rules.c writes it. */
struct statsd_rules {
	struct document file;
	struct statsd_rule *rules;
	size_t count;
	struct duration ttl; /* `defaults`: 0: none */
	struct statsd_histogram histogram;
	bool regex; /* match_type */
};

/* What counts if the first says it, or else the second. */
struct statsd_histogram statsd_histogram_or(const struct statsd_histogram *, const struct statsd_histogram *);
/* False: there are errors in `file`. statsd_rules_done() either way. */
bool statsd_rules_read(struct statsd_rules *, const char *path) MUST_CHECK;
void statsd_rules_done(struct statsd_rules *); /* fine on zeroed memory */

#endif
