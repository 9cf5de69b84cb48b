/*
 * Prometheus remote write: an item of samples (samples_item.h) as the message of one request.
 *
 * 1.0 is prometheus.WriteRequest: each series has its labels as text, families have messages of metadata of their own,
 * and the times at which counters were created are series. 2.0 is io.prometheus.write.v2.Request: texts stand once, in
 * a table of symbols, each series has the metadata of its family, and its sample the time at which it was created.
 * Symbols are written as they come up, among the series: fields may stand in any order (Protocol Buffers, "Encoding",
 * Field Order). Each series has one sample. One that has ended has the stale marker, the NaN 0x7ff0000000000002.
 * (prometheus.io, "Prometheus Remote-Write 1.0" and "2.0 specification", 2.0-rc.4)
 *
 * A native histogram is one series, which has a histogram in place of a sample, and the exemplars that it came with.
 */
#ifndef OXP_REMOTE_WRITE_H
#define OXP_REMOTE_WRITE_H

#include "base/bytes.h"

enum { REMOTE_WRITE_EXTERNAL_MAX = 32 };
#define REMOTE_WRITE_STALE UINT64_C(0x7ff0000000000002)

enum remote_write_version { REMOTE_WRITE_1, REMOTE_WRITE_2 };

struct remote_write_label {
	struct bytes name, value;
};

/* How requests are made. `external` goes to each series that has no label of the name, and is in the order of names. */
struct remote_write {
	enum remote_write_version version;
	const struct remote_write_label *external;
	size_t external_count;
};

/* What a request has: of 2.0, a receiver says how many of these it has written. */
struct remote_write_counts {
	uint64_t samples, exemplars, histograms; /* the latter native ones */
};

/* Appends the message. 0; -EBADMSG if the item cannot be read to its end, and what was read is there; -ENOSPC or
 * -ENOMEM. */
int remote_write_build(
	const struct remote_write *, struct bytes item, struct buffer *to, struct remote_write_counts *ret) MUST_CHECK;

#endif
