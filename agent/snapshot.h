/*
 * A snapshot: the samples of one page into the embedded store.
 */
#ifndef OXP_SNAPSHOT_H
#define OXP_SNAPSHOT_H

#include "base/bytes.h"

struct agent;

/* Copies the page (text 0.0.4) and stores it in the disk lane; one that finds the last still under way is left out. */
void snapshot_take(struct agent *, struct bytes page);

#endif
