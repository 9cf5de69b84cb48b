/*
 * Mapping rules of statsd_exporter, read from its YAML file as it is: which metric a StatsD name becomes.
 *
 * The first rule that fits counts: of those by glob, then of those by regex. Rules that this program cannot follow are
 * refused when the file is read, with their line: summaries, `glob_disable_ordering: true`, and any key that
 * statsd_exporter does not know either. A rule without an observer_type is a histogram. It is a native one, too, if the
 * file, or else the collector, says by which factor.
 *
 * Sources: statsd_exporter 0.31, README "Metric Mapping and Configuration" and pkg/mapper.
 */
#ifndef OXP_COLLECTORS_STATSD_MAPPING_H
#define OXP_COLLECTORS_STATSD_MAPPING_H

#include "collectors/statsd_rules.h"

enum { STATSD_MADE_MAX = 64 << 10 /* bytes of what one rule makes of a name */ };

enum statsd_fit {
	STATSD_UNMAPPED, /* no rule fits */
	STATSD_MAPPED,
	STATSD_DROPPED, /* the rule says so */
	STATSD_EXCESS, /* a regex takes too many steps, or what is made is too long */
};

/* What a rule makes of a name; valid until the next one is looked for. */
struct statsd_mapped {
	const struct statsd_rule *rule;
	struct bytes name; /* not escaped yet; may be empty */
	size_t label_count; /* those of the rule */
	struct bytes values[STATSD_RULE_LABELS_MAX];
};

struct statsd_mapping {
	struct statsd_rules rules;
	struct buffer made; /* texts of `mapped`; it never moves */
};

/* Reads the file. False, with the reason and its line. statsd_mapping_done() either way. */
bool statsd_mapping_read(struct statsd_mapping *, const char *path, char *why, size_t room) MUST_CHECK;
void statsd_mapping_done(struct statsd_mapping *); /* fine on zeroed memory */
enum statsd_fit statsd_mapping_find(
	struct statsd_mapping *, struct bytes name, enum meter_kind, struct statsd_mapped *ret);

#endif
