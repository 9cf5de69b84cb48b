/*
 * What the families of the table are in OpenMetrics 1.0, which has more of them than text: counters `x` with samples
 * `x_total`, infos, units, and the times at which label sets were created, which are families of their own in text.
 */
#ifndef OXP_SERIES_OPENMETRICS_H
#define OXP_SERIES_OPENMETRICS_H

#include "series/table.h"

/* Whether a family of that name is on the page. */
bool openmetrics_shown(const struct series *, struct bytes name);
/* The type of a family that is visible; *ret_cut bytes are cut off the end of its name. What cannot be called so is of
 * unknown type, or a gauge: its name does not end like that, or something else has the name. */
enum exposition_type openmetrics_type(const struct series *, const struct family *, size_t *ret_cut);
/* Of a visible group of the family, which is called that in OpenMetrics. Without data if there is none, or if the name
 * does not end with it. */
struct bytes openmetrics_unit(const struct group *, struct bytes name);

/* The family of the times at which the label sets of this one were created; NULL if it is not one of these. */
const struct family *openmetrics_created(struct series *, const struct family *);
/* The family that it is this for; NULL if it is none, or that one is not visible. */
const struct family *openmetrics_created_for(struct series *, const struct family *);
/* The time that stands behind that series of the family; NULL if none does. */
const struct entry *openmetrics_created_behind(
	struct series *, const struct family *, const struct family *created, const struct entry *);

#endif
