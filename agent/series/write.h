/*
 * The page in text 0.0.4 or in OpenMetrics, written in slices while the table may change in between.
 *
 * Families stand in the order of their names: those of scrapes, those that are counted here (span_write.h) and the
 * agent's own, which somebody else writes. A family that comes behind the one under way is written, one that goes is
 * not. Each family is written from one state of the table. If a scrape is committed while a family is half written,
 * the next slice takes back what was written of that family and begins it again. So the buffer belongs to the cursor
 * between the first slice and the last, and the page is sent when it is whole. A family that was begun again
 * SERIES_RESTARTS_MAX times is then written in one go, whatever the budget.
 *
 * In OpenMetrics each sample has the same name and labels as in 0.0.4, and there are exemplars and units; families may
 * be called and typed otherwise (openmetrics.h). `# EOF` is written by whoever ends the page.
 *
 * In protobuf a family has the name that text has. A label set of a histogram or summary is one metric there, which
 * has a count and a sum in any case. Where one has not, as that of a gauge histogram, or where a target has mixed their
 * series, the family is written as several without a type: x_bucket, x_count and x_sum, each with what text has.
 */
#ifndef OXP_SERIES_WRITE_H
#define OXP_SERIES_WRITE_H

#include "proto/exposition_write.h"
#include "proto/metric_family_write.h"
#include "series/only.h"
#include "series/series.h"
#include "series/span_write.h"

enum { SERIES_RESTARTS_MAX = 3 };

/* What the cursor goes through, one after the other. */
enum series_part {
	SERIES_PART_FIRST, /* families of scrapes before the names that are reserved for the agent's own */
	SERIES_PART_OWN,
	SERIES_PART_BETWEEN, /* families of scrapes before those that are counted here */
	SERIES_PART_SPANS,
	SERIES_PART_LAST, /* the other families of scrapes */
	SERIES_PART_END,
};

struct family;
struct group;
struct entry;

/*
 * Of several cursors at a time, only the one that was made last knows what was escaped to the same name.
 *
 * Invariant: `family`, `group` and `entry` are looked at only while the table's version is `version`.
 */
struct series_cursor {
	struct series *series;
	enum exposition_format format;
	enum exposition_escaping escaping; /* of names that are not classic */
	const struct series_only *only; /* what is wanted; NULL: all of it */
	/* Of OpenMetrics: native histograms are lines of exposition_write_native(), and what stands for them in text is
	 * left out. */
	bool natives;
	uint64_t hidden; /* the label set of which nothing else is written */
	bool hides;
	/* Writes the agent's own families. 0, -ENOSPC or -ENOMEM. May be NULL. */
	int (*own)(void *context, struct buffer *to);
	void *own_context;
	enum series_part part;
	uint64_t version;
	char done[SERIES_NAME_MAX]; /* the name of the last family that is written, */
	size_t done_size; /* or none */
	struct family *family; /* under way, or NULL */
	struct group *group;
	struct entry *entry; /* to be written next */
	const struct family *created; /* when its label sets were, if they are told with it */
	bool exemplars; /* the family under way may have some: a counter, a histogram */
	size_t start; /* where the family under way begins in the buffer */
	unsigned restarts;
	size_t spent; /* in this slice, in bytes that it might have written, on what is escaped or left out */
	uint64_t left_out; /* samples whose names were those of others when they were escaped (escape.h) */
	uint64_t left_out_before; /* the family under way */
	char first_left_out[SERIES_NAME_SHOWN]; /* what the first of them, or its family, is called; maybe cut */
	struct family_writer writer; /* of protobuf, in which: */
	bool apart; /* the family under way is written as several, */
	unsigned suffix; /* now as that with this one */
	struct span_cursor spans;
};

/* `escaping`, `only`, `natives` and `own` are set behind it, if at all. */
void series_cursor_init(struct series_cursor *, struct series *, enum exposition_format);
/* Appends about `budget` bytes. 1: there is more; 0: the page is whole; -ENOSPC or -ENOMEM: the page is to be
 * thrown away. */
int series_write_some(struct series_cursor *, struct buffer *to, size_t budget) MUST_CHECK;

#endif
