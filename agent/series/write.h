/*
 * The page in text 0.0.4 or in OpenMetrics, written in slices while the table may change in between.
 *
 * The cursor goes from family to family in the order in which they came to the table; a family that comes later is
 * written, one that went is not. Each family is written from one state of the table. If a scrape is committed while a
 * family is half written, the next slice takes back what was written of that family and begins it again. So the buffer
 * belongs to the cursor between the first slice and the last, and the page is sent when it is whole. A family that was
 * begun again SERIES_RESTARTS_MAX times is then written in one go, whatever the budget. Behind the families of scrapes
 * comes what is counted here (span_write.h).
 *
 * In OpenMetrics each sample has the same name and labels as in 0.0.4, and there are exemplars. `# EOF` is written by
 * whoever ends the page.
 */
#ifndef OXP_SERIES_WRITE_H
#define OXP_SERIES_WRITE_H

#include "series/series.h"
#include "series/span_write.h"

enum { SERIES_RESTARTS_MAX = 3 };

struct family;
struct group;
struct entry;

/*
 * Invariant: `family`, `group` and `entry` are looked at only while the table's version is `version`.
 */
struct series_cursor {
	struct series *series;
	enum exposition_format format;
	uint64_t version;
	uint64_t done; /* number of the last family that is written */
	struct family *family; /* under way, or NULL */
	struct group *group;
	struct entry *entry; /* to be written next */
	size_t start; /* where the family under way begins in the buffer */
	unsigned restarts;
	bool finished; /* with the families of scrapes */
	struct span_cursor spans;
};

void series_cursor_init(struct series_cursor *, struct series *, enum exposition_format);
/* Appends about `budget` bytes. 1: there is more; 0: the page is whole; -ENOSPC or -ENOMEM: the page is to be
 * thrown away. */
int series_write_some(struct series_cursor *, struct buffer *to, size_t budget) MUST_CHECK;

#endif
