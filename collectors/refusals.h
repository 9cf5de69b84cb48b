/*
 * Samples of a target that are not shown: said in the log when it begins and when it ends, and on /status with the
 * name of the first one and what to do.
 */
#ifndef OXP_COLLECTORS_REFUSALS_H
#define OXP_COLLECTORS_REFUSALS_H

#include "base/clock.h"
#include "series/series.h"

struct host;
struct json_writer;

/* Zeroed memory is fine. */
struct refusals {
	struct series_counts counts; /* of the last committed scrape */
	bool told[SERIES_DROPS];
	struct mono_time at[SERIES_DROPS]; /* when it was told last */
};

void refusals_tell(struct refusals *, struct host *, const char *target, const struct series_counts *);
void refusals_report(const struct refusals *, struct json_writer *); /* "dropped": [ … ] */

#endif
