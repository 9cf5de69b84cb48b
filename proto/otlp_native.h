/*
 * A point of an ExponentialHistogram as a native histogram, by the OpenTelemetry specification, "Prometheus and
 * OpenMetrics Compatibility", Exponential Histograms.
 *
 * The scale is the schema. A finer scale than readers know is merged, and so are more buckets than NATIVE_SUM_MAX of a
 * sign. Buckets of OTLP are counted by their lower bounds, those of Prometheus by their upper ones. Min and max have no
 * place there. A zero threshold that is not set is OTLP_ZERO_THRESHOLD.
 */
#ifndef OXP_OTLP_NATIVE_H
#define OXP_OTLP_NATIVE_H

#include "proto/native_sum.h"
#include "proto/otlp_points.h"

#define OTLP_ZERO_THRESHOLD 1e-128

enum { OTLP_NATIVE_SIDE_MAX = 8192 }; /* buckets of a sign that are read, empty ones too: 0.1 ms */

enum otlp_native {
	OTLP_NATIVE_FINE,
	OTLP_NATIVE_MANY, /* more than that */
	OTLP_NATIVE_SCALE, /* coarser than any schema */
	OTLP_NATIVE_BUCKETS, /* they are not as many as its count, which is less only if the sum is NaN or missing; or
			      * they lie too far apart, or cannot be read; or the threshold is below 0 or infinite */
};

enum otlp_native otlp_native_read(const struct otlp_point *, struct native_sum *ret) MUST_CHECK;

/* Whether OTLP has the histogram. Buckets are merged until they are few enough, if they can be. */
bool otlp_native_fits(struct native_histogram *) MUST_CHECK;
/* The way back: the fields Scale, ZeroCount, Positive, Negative and ZeroThreshold of a point, and its count. Buckets
 * stand one beside the other there: of each sign OTLP_NATIVE_DENSE at most, for which resolution may be lost. False,
 * and nothing is written: it does not fit, since they lie too far apart, or are no whole numbers. It takes
 * OTLP_NATIVE_ROOM bytes at most. */
enum { OTLP_NATIVE_DENSE = 4096, OTLP_NATIVE_ROOM = 2 * OTLP_NATIVE_DENSE + 2 * 10 * NATIVE_SIDE_MAX + 128 };
bool otlp_native_write(struct native_histogram *, struct otlp_build *to) MUST_CHECK;

#endif
