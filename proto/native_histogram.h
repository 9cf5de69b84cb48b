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
	NATIVE_EXEMPLARS_MAX = 10, /* as many as client_golang keeps */
	/* Bytes that native_histogram_write() takes: a bucket has a count of 10 bytes and a span of 22 at most. */
	NATIVE_WRITTEN_MAX = 256 + NATIVE_BUCKETS_MAX * 32,
};

struct native_bucket {
	int64_t index; /* the upper bound is 2^(2^-schema * index) */
	uint64_t whole;
	double part; /* of floats, in place of `whole` */
};

/* Invariant: buckets of a side stand by ascending index, no index twice; count ≤ room. */
struct native_side {
	size_t count, room;
	struct native_bucket *buckets;
};

struct native_histogram {
	bool floats;
	int64_t schema;
	double zero_threshold;
	uint64_t count, zero; /* unless floats: */
	double count_part, zero_part;
	struct native_side positive, negative;
};

/* An empty one of whole numbers and of the finest schema. The memory has `room` buckets for either sign, twice that,
 * and outlives it. */
void native_histogram_init(struct native_histogram *, struct native_bucket *, size_t room);
/* One with room for NATIVE_SIDE_MAX, which free() frees. NULL: no memory. */
struct native_histogram *native_histogram_new(void) MUST_CHECK;
/* Whether the fields of a Histogram are of a native one; otherwise it is classic. */
bool native_histogram_is(struct bytes histogram);
/* False: a reader would refuse it, or it has too many buckets. */
bool native_histogram_read(struct native_histogram *, struct bytes histogram) MUST_CHECK;
/* The same of fields without a sum, such as native_histogram_write() writes: buckets may have less than its count. */
bool native_histogram_read_written(struct native_histogram *, struct bytes histogram) MUST_CHECK;
/* Merges buckets until it has NATIVE_BUCKETS_MAX and a schema that readers know, at most. False: that cannot be. */
bool native_histogram_reduce(struct native_histogram *) MUST_CHECK;
/* Merges its buckets two by two: the schema is one less. It is above NATIVE_SCHEMA_MIN. */
void native_histogram_halve(struct native_histogram *);
/* Its fields, but for the sum. */
void native_histogram_write(const struct native_histogram *, struct otlp_build *);

#endif
