/*
 * What stands on disk (shelf.h) is read back by the disk lane before an exporter gets it, since exporters read on the
 * loop, and a page that is not in memory any more makes its reader wait for the disk. The kernel may take pages away
 * again before they are read, but has no reason to take these first.
 */
#ifndef OXP_FETCH_H
#define OXP_FETCH_H

#include "loop/lane.h"
#include "pipeline/batch.h"

struct fetch;

/* Some items of a batch. */
struct fetch_items {
	const struct batch *batch;
	size_t first, end;
};

/* Whether some of these are on disk and not in memory. */
bool fetch_is_due(const struct fetch_items *);
/* Reads them back, keeping the batch; then done(), from a later callback. NULL: the lane has no room for it. */
struct fetch *fetch_new(struct lane *, const struct fetch_items *, void (*done)(void *context), void *context);
/* done() is not called any more. NULL is fine. */
void fetch_abandon(struct fetch *);

#endif
