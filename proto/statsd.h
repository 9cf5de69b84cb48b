/*
 * StatsD and DogStatsD: one line becomes samples, which point into it.
 *
 *	name:value|type|@rate|#tag:value,…|T1656581400|c:ci-…|e:…|card:low
 *	name:1:2:3|ms			several values of one sample (DogStatsD 1.1)
 *	name:1|c:2|c|@0.5		several samples of one name, if there are no tags (as statsd_exporter has it)
 *	name,tag=value:1|c		tags in the name, as InfluxDB has them; name#tag=value as Librato, and
 *	name[tag=value]:1|c		as SignalFx
 *	_e{5,4}:title|text|…		an event
 *	_sc|name|0|…			a service check
 *
 * A sample with a fault costs itself alone. Fields that are not known are faults: a rate without its @ would count as
 * something else.
 *
 * Sources: statsd/docs/metric_types.md; docs.datadoghq.com "Datagram Format and Shell Usage" with the protocols 1.1
 * (several values), 1.2 (container id), 1.3 (timestamp), 1.4 (inode as container id), 1.5 (external data)
 * and 1.6 (cardinality); statsd_exporter 0.31, pkg/line.
 */
#ifndef OXP_STATSD_H
#define OXP_STATSD_H

#include "base/bytes.h"

enum statsd_kind { STATSD_METRIC, STATSD_EVENT, STATSD_CHECK };

enum statsd_type {
	STATSD_COUNTER, /* c */
	STATSD_GAUGE, /* g */
	STATSD_TIMER, /* ms: milliseconds */
	STATSD_HISTOGRAM, /* h */
	STATSD_DISTRIBUTION, /* d */
	STATSD_SET, /* s: values are any text */
};

enum statsd_fault {
	STATSD_FINE,
	STATSD_BAD_UTF8,
	STATSD_BAD_LINE, /* no colon, no name, or no | behind the value */
	STATSD_BAD_TYPE, /* none of those above */
	STATSD_BAD_VALUE, /* not a finite number */
	STATSD_BAD_RATE, /* not above STATSD_RATE_MIN and up to 1 */
	STATSD_BAD_FIELD, /* one that is empty, not known, or there twice */
	STATSD_BAD_TIMESTAMP, /* not seconds since 1970 */
	STATSD_MIXED, /* tags in the name and behind it, or several samples and tags */
	STATSD_BAD_EVENT,
	STATSD_BAD_CHECK,
	STATSD_FAULTS,
};

#define STATSD_RATE_MIN 1e-9

/* A word for labels and logs: "bad_value" … */
const char *statsd_fault_name(enum statsd_fault);

struct statsd_line {
	enum statsd_kind kind;
	struct bytes head; /* everything before the first colon: the name and its tags */
	struct bytes name, name_rest; /* the latter behind SignalFx' tags; the name is both together */
	struct bytes name_tags; /* tag=value,… */
	bool tagged; /* there are tags behind the name */
	struct bytes left; /* samples that were not read yet; of an event or check everything behind its kind */
};

struct statsd_sample {
	enum statsd_type type;
	struct bytes values; /* value:value:… */
	double rate;
	struct bytes tags; /* tag:value,… */
	struct bytes container, external, cardinality; /* of c:, e: and card: */
	int64_t timestamp; /* seconds since 1970; 0: none */
};

/* The line has no line end. If it is not STATSD_FINE, nothing can be read of it. */
enum statsd_fault statsd_line_read(struct bytes line, struct statsd_line *ret) MUST_CHECK;
/* Reads the next sample of a metric. False: there is none. With a fault, only what was read before it is set. */
bool statsd_sample_next(struct statsd_line *, struct statsd_sample *ret, enum statsd_fault *ret_fault) MUST_CHECK;
/* Takes the next one off `values`. False: there is none. */
bool statsd_value_next(struct bytes *values, struct bytes *ret) MUST_CHECK;
/* A finite number. `relative`: it begins with a sign, which makes it a change of a gauge. */
bool statsd_number(struct bytes value, double *ret, bool *ret_relative) MUST_CHECK;

struct statsd_tag {
	struct bytes name, value; /* empty name or value: it is no label */
};
/* Takes the next one off. False: there is none. `separator` is : behind the name, and = in it. */
bool statsd_tag_next(struct bytes *tags, char separator, struct statsd_tag *ret) MUST_CHECK;

/* A name as Prometheus takes it, as statsd_exporter makes it: each other character becomes _, several - one, and a
 * digit at the front gets a _ before it. `to` has room for name.size + 1 bytes. Returns the size. */
size_t statsd_name_escape(struct bytes name, char *to);

#endif
