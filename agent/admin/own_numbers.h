/*
 * The agent's own families on /metrics: counters, the ledger, how long callbacks take. In the order of their names.
 */
#ifndef OXP_OWN_NUMBERS_H
#define OXP_OWN_NUMBERS_H

#include "base/bytes.h"
#include "proto/exposition_parse.h"

struct core;
struct series_only;

enum { OWN_NUMBERS_MAX = 1 << 20 }; /* bytes of a page; if they take more, the page fails */

/* `only`: those families alone; NULL: all. 0, -ENOSPC or -ENOMEM. */
int own_numbers_write(
	const struct core *, enum exposition_format, const struct series_only *only, struct buffer *to) MUST_CHECK;

#endif
