/*
 * A snapshot: the samples of one page into the embedded store.
 */
#ifndef OXP_SNAPSHOT_H
#define OXP_SNAPSHOT_H

#include "base/base.h"

struct agent;
struct http_page;

/* Stores the page (text 0.0.4) in the disk lane, holds it meanwhile, then ends metrics.storing. False: it cannot. */
bool snapshot_take(struct agent *, struct http_page *) MUST_CHECK;

#endif
