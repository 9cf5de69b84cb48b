/*
 * The Prometheus exposition formats, read as they arrive: text 0.0.4 and OpenMetrics 1.0.
 *
 * A page is fed in pieces of any size; each whole line becomes at most one event. How the page was cut makes no
 * difference to the events. Nothing is allocated for a sample; only a line that is cut by a piece's end is copied, up
 * to a ceiling. The first fault ends the parsing, since what follows cannot be trusted: the caller must discard the
 * events before it. A sample that exceeds a ceiling costs itself alone: it is told, without anything of it.
 *
 * Sources: prometheus.io "Exposition formats"; OpenMetrics 1.0.0, "Text format" with its ABNF. Beyond both, quoted
 * UTF-8 names are read ({"my.name","a.b"="x"} 1), as Prometheus 3 writes them. Text is read as Prometheus reads it:
 * blanks where it takes them, a last line without a line feed; OpenMetrics to its letter: one space, no blank lines, `#
 * EOF` at the end.
 */
#ifndef OXP_EXPOSITION_PARSE_H
#define OXP_EXPOSITION_PARSE_H

#include "base/bytes.h"

enum exposition_format {
	EXPOSITION_UNKNOWN,
	EXPOSITION_TEXT,
	EXPOSITION_OPENMETRICS,
	EXPOSITION_PROTOBUF, /* metric_family_read.h, metric_family_write.h */
};

/* By the Content-Type. EXPOSITION_UNKNOWN: none, an OpenMetrics other than 0.0.1 and 1.0.0, or a protobuf that says it
 * is another message than MetricFamily, or not delimited. */
enum exposition_format exposition_format(struct bytes content_type);

enum exposition_type {
	EXPOSITION_UNTYPED, /* `untyped` in text, `unknown` in OpenMetrics */
	EXPOSITION_COUNTER,
	EXPOSITION_GAUGE,
	EXPOSITION_HISTOGRAM,
	EXPOSITION_SUMMARY,
	EXPOSITION_INFO,
	EXPOSITION_STATESET,
	EXPOSITION_GAUGEHISTOGRAM,
};

enum exposition_fault {
	EXPOSITION_FINE,
	EXPOSITION_BAD_UTF8,
	EXPOSITION_BAD_LINE, /* neither sample nor metadata; a blank line or comment in OpenMetrics */
	EXPOSITION_BAD_NAME,
	EXPOSITION_BAD_LABEL,
	EXPOSITION_BAD_ESCAPE,
	EXPOSITION_DUPLICATE_LABEL,
	EXPOSITION_BAD_VALUE,
	EXPOSITION_BAD_TIMESTAMP,
	EXPOSITION_BAD_TYPE,
	EXPOSITION_BAD_EXEMPLAR,
	EXPOSITION_TRAILING, /* more on a line than belongs there, or anything behind `# EOF` */
	EXPOSITION_CUT, /* OpenMetrics that ends without `# EOF` */
	EXPOSITION_PAGE_SIZE,
	EXPOSITION_NO_MEMORY,
	EXPOSITION_STOPPED, /* an event's receiver wanted no more */
};

/* What one sample may be too large in. */
enum exposition_excess {
	EXPOSITION_FITS,
	EXPOSITION_LINE_SIZE,
	EXPOSITION_LABELS, /* more than EXPOSITION_LABELS_MAX */
	EXPOSITION_NAME_SIZE,
	EXPOSITION_NUMBER_LENGTH, /* EXPOSITION_NUMBER_MAX characters */
};

/* Events are valid during the call; bytes are as they were written, with their escapes. */
struct exposition_label {
	struct bytes name, value;
	bool quoted; /* the name was in quotes: it may be any UTF-8 */
	bool escaped; /* there is a backslash in the value */
};

struct exposition_sample {
	struct bytes name;
	bool quoted; /* the name, as above */
	struct bytes raw_labels; /* between the braces, as written */
	const struct exposition_label *labels; /* in the order of their names, no name twice */
	size_t label_count;
	bool quoted_label; /* at least one of their names is */
	double value;
	struct bytes value_text;
	bool has_timestamp;
	int64_t timestamp_ms; /* since 1970; OpenMetrics' seconds are rounded, and end at 9e15 */
	struct bytes exemplar; /* `{…} value timestamp`; empty: none, or one that a reader might not take */
	/* Of protobuf, or of exposition_parser.natives: a native histogram (native_histogram.h) has the name of its
	 * family, and these are its fields of metrics.proto but for the sum. Of protobuf, its _bucket, _sum and _count
	 * follow; else the value is the sum. */
	struct bytes native;
	bool bad_native; /* such a one that readers would refuse; then nothing else is set but the name */
	bool created; /* of protobuf: when what the last sample counts began; it belongs to the same family */
	struct bytes head; /* of a line of text: name and labels, as written; empty: not known */
	bool known; /* the head is what exposition_events.known() found: name and labels are not set */
	enum exposition_excess excess; /* if there is any, nothing else is set, but the name where it was read */
};

enum exposition_what { EXPOSITION_HELP, EXPOSITION_TYPE, EXPOSITION_UNIT };

/* One line of metadata. */
struct exposition_meta {
	enum exposition_format format; /* which escapes `text` may have: \\ and \n, in OpenMetrics also \"; in protobuf
					* none */
	enum exposition_what what;
	struct bytes name;
	bool quoted;
	enum exposition_type type; /* of EXPOSITION_TYPE */
	struct bytes text; /* of the others */
};

struct exposition_events {
	/* Called in the order of the lines. 0 to go on; anything else ends the parsing with EXPOSITION_STOPPED. */
	int (*meta)(void *context, const struct exposition_meta *);
	int (*sample)(void *context, const struct exposition_sample *);
	/* Asked about each line that may be a sample, before it is read: how many bytes at its beginning are a head
	 * that the receiver has had in a sample before, and expects here; 0: none. They are not read again. May be
	 * NULL. */
	size_t (*known)(void *context, struct bytes line);
};

enum {
	EXPOSITION_LABELS_MAX = 128,
	EXPOSITION_NAME_MAX = 1024,
	EXPOSITION_WHAT_MAX = 320,
	EXPOSITION_EXEMPLAR_CHARACTERS = 128, /* in its labels' names and values (OpenMetrics 1.0, "Exemplars") */
	EXPOSITION_EXEMPLAR_MAX = 1024, /* bytes of all of it */
};

struct exposition_limits {
	size_t line, page, name; /* bytes; the latter of a metric's or a label's */
};

extern const struct exposition_limits exposition_limits_default;

/*
 * Invariant: `partial` is the beginning of line `line` + 1; there are no events once `fault` is set.
 */
struct exposition_parser {
	const struct exposition_events *events;
	void *context;
	struct exposition_limits limits;
	enum exposition_format format;
	enum exposition_fault fault;
	bool ended; /* `# EOF` was read */
	bool natives; /* set behind exposition_init(): lines of exposition_write_native() are read, too */
	struct buffer native; /* of the line at hand */
	bool skipping, comment; /* the line under way is too long; it is metadata or a comment */
	enum exposition_excess excess; /* of this line */
	uint64_t line; /* so far */
	size_t bytes;
	struct buffer partial;
	char what[EXPOSITION_WHAT_MAX]; /* "line 12: value expected, found "abc"", or "" */
};

/* Text or OpenMetrics. */
void exposition_init(struct exposition_parser *, enum exposition_format, const struct exposition_limits *,
	const struct exposition_events *, void *context);
enum exposition_fault exposition_feed(struct exposition_parser *, const char *data, size_t size);
/* The page has ended. EXPOSITION_FINE: it was whole, and there was an event for everything in it. */
enum exposition_fault exposition_end(struct exposition_parser *) MUST_CHECK;
void exposition_done(struct exposition_parser *); /* fine twice, fine on zeroed memory */

/* Whether the bytes are a classic name: [a-zA-Z_:][a-zA-Z0-9_:]*, for labels without the colon. */
bool exposition_name_valid(struct bytes name, bool label);

/* Whether it has a zero in it. Prometheus ends a name, and an exemplar, at one, and refuses all of the page that it is
 * on; in the value of a label, and in a help, it is text. */
bool exposition_has_zero(struct bytes text);

#endif
