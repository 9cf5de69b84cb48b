/*
 * A page in whatever format is read: text and OpenMetrics (exposition_parse.h), or protobuf (metric_family_read.h). The
 * events are the same.
 */
#ifndef OXP_EXPOSITION_READ_H
#define OXP_EXPOSITION_READ_H

#include "proto/exposition_parse.h"
#include "proto/metric_family_read.h"

/* Only the one of its format is used. */
struct exposition_reader {
	enum exposition_format format;
	struct exposition_parser text;
	struct family_reader families;
};

/* The format must not be EXPOSITION_UNKNOWN. The ceilings are exposition_limits_default. */
void exposition_read_begin(
	struct exposition_reader *, enum exposition_format, const struct exposition_events *, void *context);
/* As those of family_reader: a large metric is told in slices. Of text, nothing ever is. */
void exposition_read_in_slices(struct exposition_reader *);
/* Text may have native histograms, as exposition_write_native() has them. */
void exposition_read_natives(struct exposition_reader *);
bool exposition_read_go_on(struct exposition_reader *);
bool exposition_read_is_behind(const struct exposition_reader *);
/* These answer the first fault. */
enum exposition_fault exposition_read_feed(struct exposition_reader *, const char *data, size_t size);
enum exposition_fault exposition_read_end(struct exposition_reader *) MUST_CHECK; /* the page has ended */
void exposition_read_done(struct exposition_reader *); /* fine twice, fine on zeroed memory */

/* What is wrong, and where; "" if nothing is. */
const char *exposition_read_what(const struct exposition_reader *);
/* Where it is: a line, or a family; *ret says which. Both count from 1. */
uint64_t exposition_read_place(const struct exposition_reader *, const char **ret);

#endif
