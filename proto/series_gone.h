/*
 * Which series of one page of OpenMetrics the next one has no more.
 *
 * Between two pages the series of the first are kept as text, packed by zstd in blocks. They are unpacked, and packed
 * anew, only if the next page has others: the sum of the hashes of all tells. Samples with a time of their own are left
 * out: how long they last is not for the page to say (Prometheus does the same when it scrapes).
 */
#ifndef OXP_SERIES_GONE_H
#define OXP_SERIES_GONE_H

#include "base/bytes.h"

struct series_gone;

struct series_gone *series_gone_new(uint64_t seed) __attribute__((returns_nonnull));
void series_gone_free(struct series_gone *); /* NULL is fine */
/* Appends a line for each series of the page before that this one lacks, with a value that means nothing; then this
 * page is the one before. 0; -ENOMEM or -ENOSPC: nothing is known any more, and the next page is as the first. */
int series_gone_next(struct series_gone *, struct bytes page, struct buffer *to) MUST_CHECK;
void series_gone_forget(struct series_gone *);
size_t series_gone_size(const struct series_gone *); /* bytes that it takes between two pages */

#endif
