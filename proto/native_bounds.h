/*
 * The bounds of buckets of native histograms: powers of 2^(2^-schema). All are the doubles that are nearest to them, as
 * those of Prometheus' libraries, so that a value falls into the same bucket here as there.
 *
 * Sources: prometheus.io "Native histograms", "Buckets"; client_golang 1.24, prometheus/histogram.go,
 * nativeHistogramBounds and observe().
 */
#ifndef OXP_NATIVE_BOUNDS_H
#define OXP_NATIVE_BOUNDS_H

#include "base/base.h"

/* The upper bound of a bucket, which is the lower one of the next: 2^(2^-schema * index), in a schema up to
 * NATIVE_SCHEMA_MAX; 0 or infinite where doubles end. */
double native_bound(int64_t schema, int64_t index);
/* The bucket that a finite value above 0 is in. */
int64_t native_index(int64_t schema, double value);
/* The schema whose buckets grow by that factor at most, which is above 1; or the finest there is.
 * (client_golang, pickSchema()) */
int64_t native_schema(double factor);

#endif
