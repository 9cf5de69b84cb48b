/*
 * Reads a page in protobuf: io.prometheus.client.MetricFamily, each behind its length as a varint. It becomes the
 * events that the same page as OpenMetrics would become (exposition_parse.h), but that counters are called as in text.
 *
 * A page is fed in pieces of any size. What is held is one field of a family at most, such as one metric, up to the
 * ceiling of a line: a larger metric costs itself. Many buckets are told in slices if the caller wants that. A family
 * is read as it arrives, so its name and type stand before its metrics, as every encoder writes them; help and unit may
 * come later. The first fault ends the reading.
 *
 * What Prometheus takes and refuses is taken and refused here (prometheus/model/textparse, ProtobufParser). Beyond
 * that, a time of 0 is none, as there.
 */
#ifndef OXP_METRIC_FAMILY_READ_H
#define OXP_METRIC_FAMILY_READ_H

#include "proto/exposition_parse.h"
#include "proto/native_histogram.h"

struct telling;

/* Invariant: `partial` is the beginning of a field of the family under way, or of the next one's length, which has
 * `wanted` bytes at least; `left` is what the family has from there on. While there is a `telling`, `partial` is the
 * metric that it is about, and `late` what was fed behind it. */
struct family_reader {
	const struct exposition_events *events;
	void *context;
	struct exposition_limits limits;
	enum exposition_fault fault;
	uint64_t number; /* of the family, from 1 */
	size_t bytes; /* of the page so far */
	uint64_t left, skipping; /* skipping: bytes of a field that is left out */
	size_t wanted;
	bool named, begun; /* begun: it has metrics, and its metadata was told */
	bool quoted; /* the name is not classic */
	enum exposition_excess excess; /* of each of its metrics */
	uint64_t type; /* as it is written */
	struct buffer partial, name, help, unit; /* the name as it is written in quotes */
	struct buffer scratch; /* for what is made of a metric */
	struct native_histogram *native; /* the same; NULL before the first */
	bool in_slices, completed; /* completed: the field that is taken stands in `partial` */
	struct telling *telling; /* a metric of which not all was told; NULL: there is none */
	struct buffer late;
	char what[EXPOSITION_WHAT_MAX]; /* "family 3 "http_requests": …", or "" */
};

void family_reader_init(
	struct family_reader *, const struct exposition_limits *, const struct exposition_events *, void *context);
void family_reader_done(struct family_reader *); /* fine twice, fine on zeroed memory */
/* From now on a metric with many buckets or quantiles may be told by family_reader_go_on(). Before the first piece. */
void family_reader_in_slices(struct family_reader *);
/* Tells the next slice of one, if there is one. True: more is left. To feed or to end tells all that is left. */
bool family_reader_go_on(struct family_reader *);
bool family_reader_is_behind(const struct family_reader *); /* whether something is left */
/* These answer the first fault. */
enum exposition_fault family_reader_feed(struct family_reader *, const char *data, size_t size);
enum exposition_fault family_reader_end(struct family_reader *) MUST_CHECK; /* the page has ended */

#endif
