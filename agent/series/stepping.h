/*
 * A sample on its way through the steps (steps.h), for stage.c.
 */
#ifndef OXP_SERIES_STEPPING_H
#define OXP_SERIES_STEPPING_H

#include "series/table.h"

/* What the steps make of the sample at hand. */
struct edited {
	struct relabel_set labels;
	struct exposition_sample sample;
};

struct stepping {
	const struct exposition_sample
		*sample; /* as it is to be staged; series.edited has it if it is not as it came */
	bool whole; /* the labels of the target are in it */
	enum series_merge merge;
	struct bytes source; /* what the source of a metric that has a new name is called; without data: as before */
};

/* `o` is the sample's source, or NULL. False: it is dropped, and was counted. */
bool stepping_pass(struct series_target *, struct stepping *, const struct origin *o, enum role) MUST_CHECK;
/* What the sample is merged with has that value and time. False: it cannot be merged. */
bool stepping_merge(
	const struct series_target *, const struct head *, struct entry *, const struct stepping *) MUST_CHECK;

#endif
