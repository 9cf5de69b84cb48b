/*
 * Label sets of histograms and summaries of which a ceiling has refused a sample: without it the others would tell
 * something else, so none of the set is shown.
 *
 * They are noted while a scrape is staged, and taken out of it when it is committed: a scrape may have the samples of
 * a set anywhere. The note of a set is the hash of its labels; le and quantile tell apart what is in it.
 */
#ifndef OXP_SERIES_CUT_H
#define OXP_SERIES_CUT_H

#include "series/table.h"

/* Of a series as it stands on the page, name{labels}: equal for all of a set. */
uint64_t cut_set_of(const struct series *, struct bytes text);

/* A sample of the source was refused, which would have stood on the page like that. Without the text, or without memory
 * for the note, no label set of the source is shown. */
void cut_note(struct series_target *, struct origin *, struct bytes text, enum series_drop why);
/* Takes the sets that were noted out of the staged scrape. */
void cut_apply(struct series_target *);
void cut_forget(struct series_target *);

#endif
