/*
 * A snapshot: the samples of one page into the embedded store.
 */
#ifndef OXP_SNAPSHOT_H
#define OXP_SNAPSHOT_H

#include "base/base.h"

struct core;
struct http_page;

/* The page is stored, or not: the log says so then. On the loop; afterwards the page is released. */
typedef void snapshot_done(void *context);

/* Stores the page (text 0.0.4) in the disk lane, and holds it meanwhile. False: it cannot, and done() is not called. */
bool snapshot_take(struct core *, struct http_page *, snapshot_done *, void *context) MUST_CHECK;

#endif
