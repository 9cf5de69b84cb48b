/*
 * The data points of an OTLP metrics request, one after another (ExportMetricsServiceRequest; opentelemetry-proto 1.x,
 * metrics.proto).
 *
 * A walk that may stop anywhere and go on later: it allocates nothing and does not recurse. What it hands out points
 * into the request. A message that cannot be read as one ends the walk; within a point that costs the point alone.
 */
#ifndef OXP_OTLP_POINTS_H
#define OXP_OTLP_POINTS_H

#include "proto/otlp_wire.h"

enum otlp_metric_kind { OTLP_GAUGE, OTLP_SUM, OTLP_HISTOGRAM, OTLP_EXPONENTIAL, OTLP_SUMMARY };
enum otlp_temporality { OTLP_TEMPORALITY_UNSPECIFIED, OTLP_DELTA, OTLP_CUMULATIVE };
enum { OTLP_NO_RECORDED_VALUE = 1 }; /* a flag of points: the series has ended */

struct otlp_metric {
	struct bytes name, description, unit;
	enum otlp_metric_kind kind;
	uint64_t temporality; /* a number of enum otlp_temporality, or another */
	bool monotonic;
};

/* Fields that are missing are empty or 0. */
struct otlp_point {
	struct bytes resource, scope, scope_schema; /* what it stands in */
	struct otlp_metric metric;
	uint64_t resources, metrics; /* which one of the request that is; the same number is the same message */
	struct bytes message; /* the point itself */
	bool large, large_scope, large_resource; /* has more than OTLP_POINT_MAX or OTLP_POINT_FIELDS_MAX */
	bool broken; /* it cannot be read to its end, and nothing below counts */
	unsigned attributes; /* the number of the field that they are in */
	uint64_t start_ns, time_ns, flags, count;
	bool has_value, has_sum;
	double value, sum;
};

enum {
	OTLP_POINT_LEVELS = 4,
	/* Of a point, of its scope, of its resource: beyond, nobody need read it. Fields are all that a reader passes:
	 * also those of attributes and their values, of quantiles and of the first OTLP_EXEMPLARS_MAX exemplars. */
	OTLP_POINT_MAX = 256 << 10, /* bytes */
	OTLP_POINT_FIELDS_MAX = 4096,
	OTLP_EXEMPLARS_MAX = 64,
};
/* Whether it is to be left unread; then the point has its message and what it stands in, and nothing else. */
static inline bool otlp_point_is_large(const struct otlp_point *p)
{
	return p->large || p->large_scope || p->large_resource;
}

/*
 * Before the walk goes into a message it looks at all of its fields, since what counts for its points may stand behind
 * them. It may stop there, too.
 *
 * Invariant: levels[0 … depth] are the messages that the walk is in: the request, a ResourceMetrics, a ScopeMetrics,
 * and the data of a Metric; each stands behind what was read of it. Of the innermost, `ahead` is what is to be looked
 * at yet.
 */
struct otlp_points {
	struct wire levels[OTLP_POINT_LEVELS], ahead;
	unsigned depth;
	enum otlp_ahead { OTLP_AHEAD_NOT, OTLP_AHEAD_MESSAGE, OTLP_AHEAD_DATA } looking; /* at which message */
	struct bytes data; /* of the metric that is looked at */
	const char *begins; /* the message at hand, which cannot be read if the walk ends there */
	struct otlp_point point;
};

enum otlp_points_next { OTLP_POINTS_END, OTLP_POINTS_POINT, OTLP_POINTS_LATER, OTLP_POINTS_BROKEN };

void otlp_points_init(struct otlp_points *, struct bytes body);
/* The next one is in `point`. *steps falls by one for each field that it passes around points; at 0 it stops with
 * OTLP_POINTS_LATER.
 * OTLP_POINTS_BROKEN: the message from `begins` on cannot be read. */
enum otlp_points_next otlp_points_next(struct otlp_points *, size_t *steps) MUST_CHECK;

/* Numbers of a repeated field of the point, packed or one by one: whole ones of 64 bits, or the bits of doubles.
 * Returns how many there are; beyond `most` it stops and returns more than that. */
size_t otlp_point_numbers(const struct otlp_point *, unsigned field, uint64_t *to, size_t most) MUST_CHECK;
enum { OTLP_POINT_BUCKETS = 6, OTLP_POINT_BOUNDS = 7 }; /* of a histogram's point */
/* Quantiles of a summary's point and the values there; as above. */
size_t otlp_point_quantiles(const struct otlp_point *, double *quantiles, double *values, size_t most) MUST_CHECK;

/* One that stands beside a point. Its message has the attributes that its series lacks in OTLP_EXEMPLAR_ATTRIBUTES. */
struct otlp_exemplar {
	struct bytes message, trace_id, span_id; /* the ids as they came, or empty */
	uint64_t time_ns;
	double value;
};
enum { OTLP_EXEMPLAR_ATTRIBUTES = 7 };
/* The next one, from the point's message on: `at` is wire_of() that. False: there is none, or none that can be read. */
bool otlp_exemplar_next(const struct otlp_point *, struct wire *at, struct otlp_exemplar *ret) MUST_CHECK;

#endif
