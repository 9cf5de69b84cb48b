/*
 * Steps between what collectors stage and the table: each sample of each target is shown to them, once a collector's
 * own rules are through, and they edit or drop it. The table does the rest: a renamed metric takes its type, help and
 * unit along; samples that lose a label, and are then called like one before them on their page, are merged with it.
 *
 * What samples of one name and equal labels become, if a step asked for that (enum series_merge):
 *
 *	counters, histograms, gauge histograms, and the sum and count of summaries	their sum
 *	untyped ones whose name ends in _total						their sum
 *	_created									the smallest
 *	infos and state sets								the largest
 *	gauges, and the other untyped ones						as the step says
 *	quantiles of a summary								refused, as duplicates are
 */
#ifndef OXP_SERIES_STEPS_H
#define OXP_SERIES_STEPS_H

#include "proto/relabel_set.h"
#include "series/series.h"

/* What becomes of samples that a step made equal. Of several steps the one with the largest number counts. */
enum series_merge {
	SERIES_APART, /* no step did */
	SERIES_MERGE, /* gauges are refused */
	SERIES_MERGE_SUM, /* gauges, too, as the following ones */
	SERIES_MERGE_MIN,
	SERIES_MERGE_MAX,
};

/* Of a sample. A step that changes the labels sets `changed`; __name__ is among them, and is not its to change. */
struct series_edit {
	struct relabel_set *labels; /* also those of the target */
	/* The metric's name, as text shows it: with _total, but without what its type adds to it, such as _bucket. */
	struct bytes metric;
	struct bytes line; /* the sample's own name */
	enum exposition_type type;
	enum series_merge merge;
	bool changed;
	/* For series_edit_rename() alone. */
	struct bytes source; /* what metadata calls the metric */
	struct bytes end; /* what the metric's name has behind that */
	bool renamed;
};

/* The metric, and the sample with what it has behind that, is called like this from now on. The bytes outlive it. */
void series_edit_rename(struct series_edit *, struct bytes metric);

enum { SERIES_STEPS_MAX = 32 };

/* `edit` is valid during the call. Returns the number of the step that drops the sample, or -1. */
typedef int series_step(void *context, struct series_edit *edit);
/* A page was committed: that many samples of it were dropped by each step. */
typedef void series_stepped(void *context, const uint64_t dropped[SERIES_STEPS_MAX]);

struct series_steps {
	series_step *step;
	series_stepped *stepped;
	void *context;
};

/* From the next page on. NULL: none. */
void series_steps(struct series *, const struct series_steps *);

#endif
