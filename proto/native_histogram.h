/*
 * Native histograms: counts in buckets whose bounds are powers of 2^(2^-schema), as the fields of a Histogram of
 * metrics.proto have them. What Prometheus would refuse is refused here, and what has more buckets than a ceiling is
 * merged, two by two, until it has not, as Prometheus does by its native_histogram_bucket_limit.
 *
 * Sources: prometheus.io "Native histograms", "Data model"; client_model 0.6, metrics.proto; Prometheus'
 * model/histogram, Validate() and ReduceResolution().
 */
#ifndef OXP_NATIVE_HISTOGRAM_H
#define OXP_NATIVE_HISTOGRAM_H

#include "proto/otlp_build.h"

enum {
	NATIVE_SCHEMA_MIN = -4,
	NATIVE_SCHEMA_MAX = 8, /* of what is written; finer ones are merged */
	NATIVE_SCHEMA_READ_MAX = 52,
	NATIVE_BUCKETS_MAX = 320, /* of what is written, positive and negative */
	NATIVE_SIDE_MAX = 2048, /* of what is read, of either sign */
};

struct native_bucket {
	int64_t index; /* the upper bound is 2^(2^-schema * index) */
	uint64_t whole;
	double part; /* of floats, in place of `whole` */
};

/* Invariant: buckets of a side stand by ascending index, no index twice. */
struct native_side {
	size_t count;
	struct native_bucket buckets[NATIVE_SIDE_MAX];
};

struct native_histogram {
	bool floats;
	int64_t schema;
	double zero_threshold;
	uint64_t count, zero; /* unless floats: */
	double count_part, zero_part;
	struct native_side positive, negative;
};

/* Whether the fields of a Histogram are of a native one; otherwise it is classic. */
bool native_histogram_is(struct bytes histogram);
/* False: a reader would refuse it, or it has too many buckets. */
bool native_histogram_read(struct native_histogram *, struct bytes histogram) MUST_CHECK;
/* Merges buckets until it has NATIVE_BUCKETS_MAX and a schema that readers know, at most. False: that cannot be. */
bool native_histogram_reduce(struct native_histogram *) MUST_CHECK;
/* Its fields, but for the sum. */
void native_histogram_write(const struct native_histogram *, struct otlp_build *);

#endif
