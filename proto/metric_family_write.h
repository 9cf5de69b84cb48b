/*
 * Writes io.prometheus.client.MetricFamily, each behind its length as a varint, from the lines that text would have.
 *
 *	family_writer_begin(w, to, &head);		name, help, type, unit
 *	family_writer_line(w, to, &line);		x_bucket{le="1"} 3, x_sum 4 …
 *	family_writer_end(w, to);
 *
 * The lines of one label set of a histogram or summary become one Metric; they stand together, in any order, but that a
 * native histogram comes first. What is
 * under way stays open in the buffer between two calls, and its length is written when it ends: so a family that is
 * begun again needs nothing but the size that the buffer had.
 *
 * Readers take a count or a sum that is missing for 0. Infos and state sets are gauges, as in text.
 *
 * Sources: client_model 0.6, metrics.proto; prometheus.io "Exposition formats", "Protobuf format".
 */
#ifndef OXP_METRIC_FAMILY_WRITE_H
#define OXP_METRIC_FAMILY_WRITE_H

#include "proto/exposition_write.h"
#include "proto/otlp_build.h"

/*
 * Invariant: `family`, `metric` and `kind` are where the content of the messages under way begins in the buffer, or 0;
 * each is within the one before.
 */
struct family_writer {
	enum exposition_type type; /* as it is written */
	size_t family, metric, kind;
	size_t name; /* bytes of the family's name, as it stands in the heads of lines */
	uint64_t set; /* of the metric under way */
	int64_t time_ms;
	bool timed;
	bool native; /* it has a native histogram */
};

struct family_head {
	struct bytes name; /* as text has it: in quotes if it is not classic */
	const char *suffix; /* belongs to the name, too. NULL: none */
	struct bytes help, unit; /* plain text; empty: none */
	enum exposition_type type;
};

/* These answer 0, -ENOSPC or -ENOMEM. */
int family_writer_begin(struct family_writer *, struct buffer *to, const struct family_head *) MUST_CHECK;
/* Also -EINVAL: protobuf cannot say that, and it is left out. Its name begins with the family's. */
int family_writer_line(struct family_writer *, struct buffer *to, const struct exposition_line *) MUST_CHECK;
/* When the label set of the last line was created, in seconds. 0, -ENOSPC or -ENOMEM. */
int family_writer_created(struct family_writer *, struct buffer *to, double seconds) MUST_CHECK;
/* Does nothing if no family is under way. 0, -ENOSPC or -ENOMEM. */
int family_writer_end(struct family_writer *, struct buffer *to) MUST_CHECK;

/* `{…} value timestamp`, as OpenMetrics has it, as a field of the message at hand; nothing, if it is empty. It takes
 * three times as many bytes at most. */
void family_write_exemplar(struct otlp_build *, unsigned field, struct bytes text);

/* Whole lines of a page of our own, in which # TYPE stands before the samples: they become families. The last one stays
 * under way. 0, -ENOSPC or -ENOMEM. */
int family_writer_text(struct family_writer *, struct bytes text, enum exposition_format, struct buffer *to) MUST_CHECK;

#endif
