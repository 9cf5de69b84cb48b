/*
 * histogram_quantile() of classic buckets (Prometheus 3, promql/quantile.go: BucketQuantile).
 */
#ifndef OXP_EXPRESSION_QUANTILE_H
#define OXP_EXPRESSION_QUANTILE_H

#include "base/base.h"

struct bucket {
	double bound, count; /* le, and all that are at most that */
};

/* In any order, at least one; they are sorted and mended. NaN without a bucket +Inf, with that one alone, and if
 * nothing was observed. */
double quantile_of_buckets(double quantile, struct bucket *, size_t count);

#endif
