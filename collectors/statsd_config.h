/*
 * The options of `statsd`, and what is wrong with them.
 */
#ifndef OXP_COLLECTORS_STATSD_CONFIG_H
#define OXP_COLLECTORS_STATSD_CONFIG_H

#include "access/unix_guard.h"
#include "collectors/statsd_rules.h"
#include "config/option.h"

enum { STATSD_LISTENERS_MAX = 8 };

enum { STATSD_DATAGRAM, STATSD_STREAM };

struct statsd_config {
	const struct option_list *listen, *buckets;
	unsigned kind;
	const char *mapping, *factor;
	struct unix_guard_config guard;
	uint64_t connections, buffer, series, family, most;
	struct duration ttl, set_window;
	bool gauge_deltas, container_label;
	const struct option_map *labels;
	const struct option_items *relabel;
};

extern const struct option statsd_options[];

/* As struct collector_type has it. */
bool statsd_config_check(const void *config, char *why, size_t room) MUST_CHECK;
/* What is fine says of histograms. The bounds stand in `bounds`, which has METER_BOUNDS_MAX. */
struct statsd_histogram statsd_config_histogram(const struct statsd_config *, double *bounds);

#endif
