/*
 * From lines of StatsD to meters: whose meter a sample belongs to, and what it adds.
 *
 * Names and labels become those of Prometheus as statsd_exporter makes them. Timers, histograms and distributions go
 * into histograms, timers in seconds, and sets into gauges of how many values they have. A tag without a value is no
 * label. A timestamp is not kept: the value counts when it comes. Rules of a mapping file may say otherwise
 * (statsd_mapping.h). What is not taken is counted by its reason, and each reason is said in the log when it comes
 * first.
 */
#ifndef OXP_COLLECTORS_STATSD_EVENTS_H
#define OXP_COLLECTORS_STATSD_EVENTS_H

#include "collectors/statsd_mapping.h"
#include "component.h"
#include "proto/statsd.h"
#include "series/meters.h"

struct json_writer;

/* Why a line or a part of it is not taken: a fault of the line, or one of these. */
enum statsd_refusal {
	STATSD_REFUSED_NEGATIVE = STATSD_FAULTS, /* a counter never falls */
	STATSD_REFUSED_SIZE, /* the line is longer than STATSD_LINE_MAX */
	STATSD_REFUSED_FRAME, /* the length before a message of a stream is none */
	STATSD_REFUSED_RULE, /* a mapping rule takes too long with its name, or makes no name of it */
	STATSD_REFUSALS,
};

enum { STATSD_NAME_SHOWN = 80 };

struct statsd_options {
	struct statsd_histogram histogram;
	struct duration ttl;
	bool gauge_deltas; /* a sign before the value of a gauge makes it a change */
	bool container_label;
	struct statsd_mapping *mapping; /* NULL: none */
};

/* Only statsd_events.c writes it. */
struct statsd_events {
	struct host *host;
	struct meters *meters;
	struct statsd_options options;
	uint64_t histograms; /* a digest of all that may be asked for of them */
	struct buffer names; /* those of the meter that is looked for */
	struct meter_label labels[METER_LABELS_MAX + STATSD_RULE_LABELS_MAX + 2];
	size_t label_count;
	char latest[STATSD_REFUSALS][STATSD_NAME_SHOWN]; /* the name of what was refused */
	bool told[STATSD_REFUSALS], beyond_told[METER_REFUSALS];
	uint64_t *lines, *values, *events, *checks, *bare_tags, *dropped;
	uint64_t *refused[STATSD_REFUSALS], *beyond[METER_REFUSALS];
};

/* The meters outlive it. */
void statsd_events_init(struct statsd_events *, struct host *, struct meters *, const struct statsd_options *);
/* As meters_restore.wanted: what these options would still make. */
bool statsd_events_want(void *events, struct bytes owner, struct meter_wanted *);
void statsd_events_done(struct statsd_events *); /* fine on zeroed memory */
/* Each line of the text; the last may have no line end. */
/* The first lines of it, until they are that many bytes or more; returns how many they are, with their ends. */
size_t statsd_events_take_some(struct statsd_events *, struct bytes text, size_t bytes);
void statsd_events_take(struct statsd_events *, struct bytes text);
/* Something is refused that was not read as a line. */
void statsd_events_refuse(struct statsd_events *, enum statsd_refusal, struct bytes text);
/* Brings the counters up to date that are kept by the meters, and says what is new among them. */
void statsd_events_count(struct statsd_events *);
void statsd_events_report(const struct statsd_events *, struct json_writer *);

#endif
