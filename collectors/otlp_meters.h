/*
 * Metrics that came over OTLP: what their points make of meters, by the OpenTelemetry specification, "Prometheus and
 * OpenMetrics Compatibility".
 *
 *	gauge, sum that is not monotonic	gauge
 *	monotonic sum				counter; one with delta temporality is added up
 *	histogram				histogram; delta is added up, each bucket by itself
 *	exponential histogram			native histogram; delta is added up
 *	summary					summary
 *
 * Names: proto/otlp_metric_name.h. Labels are the attributes of the point, then otel_scope_*, and job and instance of
 * the resource (service.namespace/service.name, service.instance.id). Of two attributes that get one name the values
 * are joined with ;, in the order of the attributes' own names. The rest of a resource is in target_info, once for
 * each job and instance.
 *
 * A counter of cumulative temporality is what its source says. If the source begins anew, it falls, and Prometheus
 * knows that as a reset. A point that is older than the latest of its series, from the same start, comes late, and is
 * not shown. A delta that has the times of the one before it comes twice, as a request does that is sent again, and is
 * not added.
 *
 * When a series ends. SDKs with cumulative temporality send every series each time, so one that was not sent for `ttl`
 * has gone: a gauge whose object is closed. SDKs with delta temporality leave out what did not change, so such a series
 * lives as long as anything comes from its resource; otherwise a counter would begin at 0 again while its process
 * lives. A point that says so (NO_RECORDED_VALUE) ends its series at once.
 *
 * What deltas add up to, and the times of the latest, outlive the process (saving.h): they are saved before they are
 * answered for. So is which resource a series is from. All else is sent again.
 *
 * Beyond a ceiling deltas go into the overflow of their family. What a cumulative point or a gauge says cannot be added
 * to that of others, so it is refused.
 */
#ifndef OXP_COLLECTORS_OTLP_METERS_H
#define OXP_COLLECTORS_OTLP_METERS_H

#include "collectors/meters_round.h"
#include "collectors/otlp_labels.h"
#include "collectors/saving.h"
#include "series/map.h"

struct json_writer;
struct otlp_resource;

enum {
	OTLP_BOUNDS_MAX = 512, /* of a histogram, and quantiles of a summary */
	OTLP_RESOURCES_MAX = 1000,
	OTLP_HELP_MAX = 1024,
};

/* Why a point is refused: a refusal of the meters, or one of these. */
enum otlp_point_fault {
	OTLP_POINT_FINE = METER_FITS,
	OTLP_POINT_BROKEN = METER_REFUSALS,
	OTLP_POINT_NAME, /* of the metric */
	OTLP_POINT_TEMPORALITY,
	OTLP_POINT_VALUE,
	OTLP_POINT_BOUNDS_BAD, /* or its buckets */
	OTLP_POINT_SCALE, /* of an exponential histogram: coarser than a native one can be */
	OTLP_POINT_RESOURCES, /* too many of them */
	OTLP_POINT_SIZE, /* of it, its scope or its resource: beyond OTLP_POINT_MAX, or OTLP_NATIVE_SIDE_MAX */
	OTLP_POINT_FAULTS,
};

struct otlp_meters_options {
	struct duration ttl; /* 0: none */
	struct meters_limits limits;
	bool scope_labels;
	const struct option_items *relabel; /* may be NULL */
};

/* Only otlp_meters.c writes it. */
struct otlp_meters {
	struct host *host;
	struct otlp_meters_options options;
	struct meters *meters;
	struct meters_round round;
	struct saving saving;
	struct relabelling relabel;
	struct map resources;
	uint64_t seed;
	struct otlp_resource *first;
	size_t resource_count;
	struct loop_timer look;
	/* Of the request that is read: its resource and metric at hand, by their numbers. */
	uint64_t resource_number, metric_number;
	struct otlp_resource *resource; /* NULL: there is no room for it */
	size_t name_size;
	char name[OTLP_METRIC_NAME_MAX], help[OTLP_HELP_MAX + 1];
	/* Of the point. */
	struct otlp_labels labels;
	uint64_t numbers[OTLP_BOUNDS_MAX + 1];
	double bounds[OTLP_BOUNDS_MAX], values[OTLP_BOUNDS_MAX];
	struct native_sum native;

	char latest[OTLP_POINT_FAULTS][SERIES_NAME_SHOWN]; /* the metric */
	bool told[OTLP_POINT_FAULTS];
	uint64_t *points, *late, *repeated, *coarser, *cut, *overflow, *refused[OTLP_POINT_FAULTS], *series;
};

/* For people: what was wrong, or what was expected. */
const char *otlp_point_fault_reason(enum otlp_point_fault);

/* 0 or -ENOMEM. */
int otlp_meters_new(struct host *, const struct otlp_meters_options *, struct otlp_meters **ret) MUST_CHECK;
void otlp_meters_free(struct otlp_meters *); /* NULL is fine */
/* From here on what deltas add up to outlives the process. Goes on with what the last run has left. */
void otlp_meters_save(struct otlp_meters *);
/* Saves what the last points have changed, that many series at most: before they are answered for. */
void otlp_meters_answer(struct otlp_meters *, size_t count);
/* Nothing comes any more. */
void otlp_meters_end(struct otlp_meters *);
/* The points of another request follow. */
void otlp_meters_begin(struct otlp_meters *);
/* Takes one; or says why not, which is counted. */
enum otlp_point_fault otlp_meters_take(struct otlp_meters *, const struct otlp_point *);
/* For collect(). */
void otlp_meters_collect(struct otlp_meters *);
bool otlp_meters_any(const struct otlp_meters *); /* there are series, or were on the last page */
/* Nothing, as long as nothing came. */
void otlp_meters_report(const struct otlp_meters *, struct json_writer *);

#endif
