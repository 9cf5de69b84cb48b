#include "collectors/statsd_config.h"

#include <stdio.h>

#include "collectors/relabelling.h"
#include "collectors/statsd_mapping.h"
#include "base/text.h"
#include "proto/exposition_number.h"
#include "proto/statsd.h"

static const char *const kinds[] = { "datagram", "stream", NULL };

const struct option statsd_options[] = {
	{ OPT_ADDRESSES(struct statsd_config, listen), .name = "listen", .main = true, .text = "127.0.0.1:8125",
		.help = "Addresses to listen on: unix:/path, host:port or :port." },
	{ OPT_CHOICE(struct statsd_config, kind, kinds), .name = "kind", .text = "datagram",
		.help = "datagram: UDP, Unix datagrams; stream: TCP, Unix streams, with lines or DogStatsD's "
			"lengths." },
	{ OPT_TEXTS(struct statsd_config, buckets), .name = "buckets",
		.text = "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10",
		.help = "Upper bounds of the histograms that ms (in seconds), h and d become." },
	{ OPT_TEXT(struct statsd_config, factor), .name = "native_histogram_bucket_factor", .text = "1",
		.example = "1.1",
		.help = "Above 1, histograms are native ones, too: no bucket ends at more than that many times "
			"the bound before it." },
	{ OPT_COUNT(struct statsd_config, most), .name = "native_histogram_max_buckets", .text = "256", .min = 1,
		.max = NATIVE_BUCKETS_MAX,
		.help = "If one has more native buckets than that, they are merged two by two." },
	{ OPT_PATH(struct statsd_config, mapping), .name = "mapping", .example = "/etc/app/statsd_mapping.yml",
		.help = "Mapping rules of statsd_exporter: its YAML file, as it is. Read at the start." },
	{ OPT_DURATION(struct statsd_config, ttl), .name = "ttl", .text = "never", .zero = "never", .min = 1000,
		.help = "A series that nothing was sent for in that time ends; it begins at 0 if it comes again." },
	{ OPT_DURATION(struct statsd_config, set_window), .name = "set_window", .text = "10s", .min = 1000,
		.max = 86400000,
		.help = "A set is shown as how many different values it had in the last such time that is over." },
	{ OPT_COUNT(struct statsd_config, series), .name = "series", .text = "20000", .min = 1, .max = 10000000,
		.help = "Most series; a histogram is one for each bucket, sum and count. Beyond it values count in a "
			"series with overflow=\"true\"." },
	{ OPT_COUNT(struct statsd_config, family), .name = "family", .text = "10000", .min = 1, .max = 10000000,
		.help = "The same for each metric." },
	{ OPT_BOOL(struct statsd_config, gauge_deltas), .name = "gauge_deltas", .text = "true",
		.help = "Whether +1 and -1 change a gauge, as in StatsD. DogStatsD clients set it to -1: false for "
			"them." },
	{ OPT_BOOL(struct statsd_config, container_label), .name = "container_label", .text = "false",
		.help = "Whether a container id becomes the label container_id." },
	{ OPT_MAP(struct statsd_config, labels), .name = "labels", .example = "{part: worker}",
		.help = "Labels added to each series." },
	RELABELLING_ROW(struct statsd_config, relabel),
	{ OPT_COUNT(struct statsd_config, connections), .name = "connections", .text = "64", .min = 1, .max = 1024,
		.help = "Most connections at a time. A further one replaces the one that has been silent for "
			"longest, if that is for 5 s; otherwise it waits." },
	{ OPT_SIZE(struct statsd_config, buffer), .name = "buffer", .zero = "auto", .text = "auto", .min = 4096,
		.max = 1 << 30,
		.help = "Unread bytes that the kernel is asked to hold for each socket; at most net.core.rmem_max." },
	UNIX_GUARD_ROWS(struct statsd_config, guard, "0660"),
	{ .name = NULL },
};

/* False, with the reason. */
static bool read_bounds(const struct option_list *buckets, double *ret, char *why, size_t room)
{
	if (buckets->count > METER_BOUNDS_MAX) {
		snprintf(why, room, "buckets: %zu bounds, and %d are the most", buckets->count, METER_BOUNDS_MAX);
		return false;
	}
	for (size_t i = 0; i < buckets->count; i++) {
		const char *text = buckets->items[i];
		bool relative;
		if (!statsd_number(bytes_of(text), &ret[i], &relative)) {
			snprintf(why, room, "buckets: \"%s\" is not a number", text);
			return false;
		}
		if (i > 0 && ret[i] <= ret[i - 1]) {
			snprintf(why, room, "buckets: %s is not above %s; expected ascending bounds", text,
				buckets->items[i - 1]);
			return false;
		}
	}
	return true;
}

static bool read_factor(const char *text, double *ret, char *why, size_t room)
{
	bool relative;

	if (statsd_number(bytes_of(text), ret, &relative) && *ret >= 1)
		return true;
	snprintf(why, room, "native_histogram_bucket_factor: \"%s\" is not a number from 1 on", text);
	return false;
}

static bool check_labels(const struct option_map *labels, char *why, size_t room)
{
	if (labels->count > SERIES_TARGET_LABELS_MAX) {
		snprintf(
			why, room, "labels: %zu of them, and %d are the most", labels->count, SERIES_TARGET_LABELS_MAX);
		return false;
	}
	for (size_t i = 0; i < labels->count; i++)
		if (!exposition_name_valid(bytes_of(labels->pairs[i].key), true)) {
			snprintf(why, room,
				"labels: \"%s\" is not the name of a label; expected letters, digits and _, not "
				"beginning with a digit",
				labels->pairs[i].key);
			return false;
		}
	return true;
}

static bool check_mapping(const char *path, char *why, size_t room)
{
	struct statsd_mapping mapping;
	bool fine;

	if (!path)
		return true;
	fine = statsd_mapping_read(&mapping, path, why, room);
	statsd_mapping_done(&mapping);
	return fine;
}

static bool check_peers(const struct statsd_config *c, char *why, size_t room)
{
	if (c->kind == STATSD_DATAGRAM)
		return unix_guard_check_datagrams(&c->guard, c->listen, why, room);
	return unix_guard_check(&c->guard, why, room);
}

bool statsd_config_check(const void *config, char *why, size_t room)
{
	const struct statsd_config *s = config;
	double bounds[METER_BOUNDS_MAX], factor;

	if (s->listen->count > STATSD_LISTENERS_MAX)
		snprintf(why, room, "listen: %zu addresses, and %d are the most", s->listen->count,
			STATSD_LISTENERS_MAX);
	else
		return check_peers(s, why, room) && read_bounds(s->buckets, bounds, why, room) &&
		       read_factor(s->factor, &factor, why, room) && check_labels(s->labels, why, room) &&
		       check_mapping(s->mapping, why, room);
	return false;
}

struct statsd_histogram statsd_config_histogram(const struct statsd_config *s, double *bounds)
{
	struct statsd_histogram made = { .bounds = bounds, .count = s->buckets->count, .most = (uint32_t)s->most };
	char why[256];

	(void)read_bounds(s->buckets, bounds, why, sizeof why);
	(void)read_factor(s->factor, &made.factor, why, sizeof why);
	return made;
}
