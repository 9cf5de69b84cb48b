/*
 * Which family the samples of a page belong to: a histogram `x` has samples x_bucket, x_sum and x_count.
 * (prometheus.io, "Exposition formats"; OpenMetrics 1.0.0, "Suffixes")
 */
#ifndef OXP_EXPOSITION_FAMILY_H
#define OXP_EXPOSITION_FAMILY_H

#include "proto/exposition_parse.h"

enum exposition_suffix {
	EXPOSITION_BUCKET,
	EXPOSITION_SUM,
	EXPOSITION_COUNT,
	EXPOSITION_TOTAL,
	EXPOSITION_CREATED,
	EXPOSITION_INFO_SUFFIX,
	EXPOSITION_GSUM,
	EXPOSITION_GCOUNT,
	EXPOSITION_SUFFIXES,
	EXPOSITION_NO_SUFFIX = EXPOSITION_SUFFIXES,
};

extern const struct bytes exposition_suffixes[EXPOSITION_SUFFIXES];

/* What a sample of a family of that type has behind the family's name: a suffix, or nothing. False: it is none of the
 * family. */
bool exposition_suffix_find(enum exposition_type, struct bytes rest, enum exposition_suffix *ret);

#endif
