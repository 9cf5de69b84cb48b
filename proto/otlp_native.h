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

enum otlp_native {
	OTLP_NATIVE_FINE,
	OTLP_NATIVE_SCALE, /* coarser than any schema */
	OTLP_NATIVE_BUCKETS, /* they are not as many as its count, which is less only if the sum is NaN or missing; or
			      * they lie too far apart, or cannot be read; or the threshold is below 0 or infinite */
};

enum otlp_native otlp_native_read(const struct otlp_point *, struct native_sum *ret) MUST_CHECK;

#endif
