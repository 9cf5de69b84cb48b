/*
 * Native histograms of whole numbers that are added up: buckets come one by one, or all of another histogram.
 *
 * There is room for NATIVE_SUM_MAX buckets of either sign. If one more is wanted, all are merged two by two, which
 * costs resolution and no count. The coarser of two schemas is that of the sum. Of two zero buckets the wider one
 * counts: what the other histogram has within it goes into it, and if it ends in the middle of a bucket, it is widened
 * to the end of that.
 *
 * Sources: Prometheus' model/histogram, FloatHistogram.Add(); OpenTelemetry specification, "Metrics Data Model",
 * ExponentialHistogram: Merging.
 */
#ifndef OXP_NATIVE_SUM_H
#define OXP_NATIVE_SUM_H

#include "proto/native_bounds.h"
#include "proto/native_histogram.h"

enum { NATIVE_SUM_MAX = 160 /* as many as SDKs of OpenTelemetry have by default */ };
#define NATIVE_COUNT_MAX INT64_MAX /* in all, since readers take differences of counts */

/* It stays where it is. */
struct native_sum {
	struct native_histogram all; /* its count is not kept: native_sum_total() */
	unsigned merged; /* how often its buckets were, since there were too many */
	struct native_bucket buckets[2 * NATIVE_SUM_MAX];
};

void native_sum_init(struct native_sum *);
/* As many more in the bucket that has this index in this schema, which is NATIVE_SCHEMA_MIN or above. False: that
 * bucket would have too much, or lies too far away from the others; nothing has changed but the schema. */
bool native_sum_put(struct native_sum *, bool negative, int64_t schema, int64_t index, uint64_t count) MUST_CHECK;
/* All of another one, of a schema up to NATIVE_SCHEMA_MAX. False, as above; then it has only a part of that. */
bool native_sum_add(struct native_sum *, const struct native_histogram *) MUST_CHECK;
/* What is in its buckets. False: more than NATIVE_COUNT_MAX. */
bool native_sum_total(const struct native_histogram *, uint64_t *ret) MUST_CHECK;

/* The same in other memory: what has no room for a bucket is merged, which is counted in *merged. Beside that the count
 * of the whole is not kept either. */
struct native_put {
	bool negative;
	int64_t schema, index;
	uint64_t count;
};
bool native_histogram_put(struct native_histogram *, const struct native_put *, unsigned *merged) MUST_CHECK;
/* Makes the bucket of zeros that wide, with all that is in it; no other bucket has the threshold in its middle. False:
 * it would have too much. */
bool native_histogram_widen(struct native_histogram *, double threshold) MUST_CHECK;
bool native_histogram_add(
	struct native_histogram *to, const struct native_histogram *from, unsigned *merged) MUST_CHECK;

#endif
