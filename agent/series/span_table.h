/*
 * Series that are counted here, in place of being scraped: how many spans there were, and how long they took, by their
 * service, name, kind, status and further labels. Each set of labels has a counter and a histogram on the page.
 *
 * What a batch adds is kept in a tally, and counts once the batch is taken; so one that is refused and comes again is
 * counted once. Between tally and table nothing grows with the number of spans, only with that of label sets.
 *
 * Names of spans are text of the app's clients, so label sets have a ceiling: `sets`, those of the series table, and
 * `memory`. A span beyond it counts in one set whose labels all say `other` (with otel_metric_overflow="true", as
 * OpenTelemetry's SDKs have it). A set that no span has touched for `age` goes, and begins at 0 if it comes again.
 *
 * A set has room on the page, and in `memory`, from its birth, as other series have.
 */
#ifndef OXP_SERIES_SPAN_TABLE_H
#define OXP_SERIES_SPAN_TABLE_H

#include "base/clock.h"
#include "series/series.h"

enum {
	SPAN_BOUNDS_MAX = 32,
	SPAN_DIMENSIONS_MAX = 8,
	SPAN_LABEL_MAX = 128, /* bytes of a label's value; longer ones are cut, at the end of a character */
	SPAN_EXEMPLAR_EVERY_S = 10, /* no bucket gets another exemplar sooner */
};

/* What the families and labels are called. */
enum span_names {
	SPAN_NAMES_MILLISECONDS, /* traces_span_metrics_duration_milliseconds: the Collector's span metrics connector */
	SPAN_NAMES_SECONDS, /* the same in seconds, to which it changes */
	SPAN_NAMES_TEMPO, /* traces_spanmetrics_latency: Grafana Tempo's metrics generator */
};

struct span_table_options {
	enum span_names names;
	const uint64_t *bounds_ns; /* of the buckets, ascending */
	size_t bound_count;
	const char *const *dimensions; /* names of further labels, each of which outlives the table */
	size_t dimension_count;
	size_t sets;
	struct duration age;
	bool exemplars;
	uint64_t *beyond; /* is counted up for each span that counts as `other` */
};

struct span_table;
struct span_tally;

/* The names of its families are reserved from then on. 0; -EEXIST: the page has such a table; -ENOMEM: no room. */
int span_table_new(struct series *, const struct span_table_options *, struct span_table **ret) MUST_CHECK;
void span_table_free(struct span_table *); /* no tally of it is left; NULL is fine */
/* A classic name for a label, from that of an attribute. `to` has room for size + 1 bytes. False: it is one of the
 * table's own, whatever the names are. */
bool span_label_name(struct bytes attribute, char *to) MUST_CHECK;

/* Numbers as in OTLP (opentelemetry-proto 1.x, trace.proto: SpanKind, StatusCode); others are unspecified and unset. */
struct span_counted {
	struct bytes service, name;
	uint64_t kind, status;
	const struct bytes *dimensions;
	uint64_t duration_ns;
};

struct span_tally *span_tally_new(struct span_table *) __attribute__((returns_nonnull));
/* True: the span can be the exemplar of its bucket, if its trace is kept; span_tally_exemplar() says so. */
bool span_tally_add(struct span_tally *, const struct span_counted *, struct mono_time now);
/* Of the span that was added last. The ids are 16 and 8 bytes. */
void span_tally_exemplar(struct span_tally *, struct bytes trace_id, struct bytes span_id);
/* Nothing is added to it from now on; another tally of the table may be made. */
void span_tally_close(struct span_tally *);
/* Of a closed one: counts what was added if `taken`, and frees it. */
void span_tally_end(struct span_tally *, bool taken, struct mono_time now, struct wall_time wall);

/* Before a page is made: label sets that have gone old are freed, a part of them if they are many. */
void series_age(struct series *, struct mono_time now);

#endif
