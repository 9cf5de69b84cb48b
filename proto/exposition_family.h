/*
 * Which family the samples of a page belong to: a histogram `x` has samples x_bucket, x_sum and x_count.
 * (prometheus.io, "Exposition formats"; OpenMetrics 1.0.0, "Suffixes")
 */
#ifndef OXP_EXPOSITION_FAMILY_H
#define OXP_EXPOSITION_FAMILY_H

#include "proto/exposition_parse.h"

/* Whether a sample of a family of that type may have this behind the family's name. "" may always be there. */
bool exposition_suffix_valid(enum exposition_type, struct bytes suffix);

#endif
