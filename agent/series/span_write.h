/*
 * The span table on the page, as two families, in slices while spans are counted in between: the lines of one set in
 * one family are of one moment. Sets that come meanwhile may be there, those that go are not. For protobuf it is text
 * with exemplars, and somebody else makes that protobuf.
 */
#ifndef OXP_SERIES_SPAN_WRITE_H
#define OXP_SERIES_SPAN_WRITE_H

#include "base/bytes.h"
#include "proto/exposition_parse.h"
#include "series/only.h"

struct span_set;
struct span_table;

enum span_family { SPAN_CALLS, SPAN_DURATIONS, SPAN_FAMILIES };

struct span_cursor {
	const struct span_table *table; /* NULL: there is none */
	enum exposition_format format;
	const struct series_only *only; /* what is wanted; NULL: both families */
	enum span_family family;
	bool begun; /* the family has its head */
	uint64_t written; /* the number of the last set that has been */
	const struct span_set *set; /* the next, while the table's version is this: */
	uint64_t version;
};

void span_cursor_init(struct span_cursor *, const struct span_table *, enum exposition_format);
/* Appends until the buffer has `end` bytes or more. 1: there is more; 0: all is written; -ENOSPC or -ENOMEM. */
int span_write_some(struct span_cursor *, struct buffer *to, size_t end) MUST_CHECK;

#endif
