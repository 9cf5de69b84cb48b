/*
 * The Prometheus text format 0.0.4, and OpenMetrics 1.0 for what can be said in both, line by line.
 *
 * Each call appends one whole line or nothing. Types of OpenMetrics that 0.0.4 lacks become what Prometheus' own
 * libraries write: `unknown` is untyped, info and stateset are gauges, a gaugehistogram is a histogram, which it is in
 * OpenMetrics, too: its sum and count are others' samples. Source: prometheus.io "Exposition formats"; OpenMetrics
 * 1.0, "Text Format".
 */
#ifndef OXP_EXPOSITION_WRITE_H
#define OXP_EXPOSITION_WRITE_H

#include "proto/exposition_number.h"
#include "proto/exposition_parse.h"

/* `help` is plain text; backslashes and line feeds are escaped, and quotes in OpenMetrics. A counter of OpenMetrics is
 * named without the _total of its samples. These answer 0, -ENOSPC or -ENOMEM. */
int exposition_write_help(struct buffer *, struct bytes name, struct bytes help, enum exposition_format) MUST_CHECK;
int exposition_write_type(struct buffer *, struct bytes name, enum exposition_type, enum exposition_format) MUST_CHECK;

/* Of OpenMetrics. The same answers. */
int exposition_write_unit(struct buffer *, struct bytes name, struct bytes unit) MUST_CHECK;

struct exposition_line {
	struct bytes head; /* name{labels}, ready to be shown */
	double value;
	struct bytes value_text; /* shown in place of the value unless it is empty */
	bool has_timestamp;
	int64_t timestamp_ms;
	struct bytes exemplar; /* `{…} value timestamp`, or empty; text has none */
	struct bytes native; /* of protobuf: the fields of a native histogram, or empty */
};
/* Of a native histogram, as only exposition_parser.natives reads it: `head {sum:1.5,native:BASE64}`, with the sum as
 * the line's value. 0, -ENOSPC or -ENOMEM. */
int exposition_write_native(struct buffer *, const struct exposition_line *) MUST_CHECK;
/* 0, -ENOSPC or -ENOMEM. */
int exposition_write_sample(struct buffer *, const struct exposition_line *, enum exposition_format) MUST_CHECK;
/* Room for a line of at most `size` bytes, which the caller writes to *ret and adds to `size` of the buffer. The same
 * answers. */
int exposition_line_room(struct buffer *, size_t size, char **ret) MUST_CHECK;
/* Milliseconds as seconds, which is how OpenMetrics has timestamps. Returns the length. */
size_t exposition_seconds_format(int64_t ms, char to[EXPOSITION_NUMBER_SIZE]);

/* HELP text as it was written in that format becomes plain text in `to`, which has room for text.size bytes; returns
 * how many it takes. An escape the format does not know stands for itself. */
size_t exposition_unescape(struct bytes text, enum exposition_format, char *to);

/* A label value as it was written, with each backslash that escapes nothing doubled; `to` has room for twice the
 * size. */
size_t exposition_value_copy(struct bytes value, char *to);

/* How a name that is not classic is written (prometheus/common, model.EscapeName; prometheus.io "Escaping schemes"). */
enum exposition_escaping {
	EXPOSITION_UNDERSCORES, /* each character that a classic name may not have becomes an underscore */
	EXPOSITION_DOTS, /* a dot becomes _dot_, an underscore or any other character two underscores */
	EXPOSITION_VALUES, /* U__ stands first, underscores are doubled, others become _HEX_ */
	EXPOSITION_UTF8, /* it stays as it is, in quotes */
	EXPOSITION_ESCAPINGS,
};

enum { EXPOSITION_ESCAPED_MAX = 5 }; /* times its bytes, and as many more: no name becomes longer */

/* Of a name that is not classic, as it stands in quotes, with its escapes. `to` has room for EXPOSITION_ESCAPED_MAX *
 * (name.size + 1) bytes; returns how many it takes. */
size_t exposition_name_escape(struct bytes name, bool label, enum exposition_escaping, char *to);

#endif
