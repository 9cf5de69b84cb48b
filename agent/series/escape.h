/*
 * Names that are not classic, on a page whose reader does not take UTF-8.
 *
 * The table keeps such names as they came. Two of them, or one and a classic one, may become the same when they are
 * escaped, in one scheme and not in another. Then a page of that scheme has the first of them, a classic one in any
 * case, and the cursor says how many samples it leaves out; nothing is told twice under one name. A family whose name
 * clashes is left out as a whole.
 */
#ifndef OXP_SERIES_ESCAPE_H
#define OXP_SERIES_ESCAPE_H

#include "proto/exposition_write.h"
#include "series/table.h"

/* The family's name as it is written in that scheme, its own or in series.names. Without data if out of memory. */
struct bytes escape_family(struct series *, const struct family *, enum exposition_escaping);
/* name{labels} of a series of the family, with its names escaped, in series.scratch. 0; -EEXIST: two labels have one
 * name; -ENOMEM. */
int escape_series(struct series *, const struct family *, const struct entry *, enum exposition_escaping,
	struct bytes *ret) MUST_CHECK;

#endif
