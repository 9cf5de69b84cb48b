/*
 * One LogRecord of OTLP as a log line, in one of two forms.
 *
 * ECS: names of the Elastic Common Schema 8, dotted, as loggers write it.
 *
 *	@timestamp             time, else when it was observed; left out if neither is known
 *	event.created          when it was observed, beside a time
 *	log.level              the severity's text, else the word of its number; event.severity is the number
 *	message, body          a body that is text or a number, as text; any other body
 *	trace.id, span.id      in hex, and trace.flags
 *	event.action           the event's name
 *	log.logger             the scope's name; otel.scope.version, and its attributes under otel.scope
 *	attributes             of resource and record, under their own names, or those of the schema (otlp_record.c)
 *
 * If an attribute's name is taken already, by one of the names above or by another attribute of the line, it goes
 * under "resource." or "attributes.". Repeated within one list, which OTLP forbids, it is left out: the first counts.
 *
 * OTel: the data model itself, under the names that the templates logs-*.otel-* of Elasticsearch expect: @timestamp,
 * observed_timestamp, severity_number, severity_text, body.text or body.structured, event_name, trace_id, span_id,
 * attributes, resource.attributes, scope. Nothing is renamed.
 */
#ifndef OXP_OTLP_RECORD_H
#define OXP_OTLP_RECORD_H

#include "proto/otlp_line.h"

enum otlp_log_form { OTLP_LOG_ECS, OTLP_LOG_OTEL };

/* What the records of one scope have in common: the messages, and the addresses of their schemas. */
struct otlp_log_group {
	struct bytes resource, scope, resource_schema, scope_schema;
};

/* The part of a line that is the same for all of a group, without commas around it: `size` bytes of `line` from `at`
 * on. `names` are taken by it. Written by the first otlp_record_write() of the group; set size to 0 before. */
struct otlp_log_common {
	bool written;
	size_t at, size;
	unsigned names;
};

/* A LogRecord's fields, empty or 0 if they are missing. (opentelemetry-proto 1.x, logs.proto.) */
struct otlp_record {
	struct bytes message; /* all of it, for its attributes */
	uint64_t time, observed, severity, flags, dropped;
	struct bytes severity_text, body, trace_id, span_id, event;
};

/* Whether the record can be a line: a fault that can be mended (its ids) refuses it alone, OTLP_WIRE the request. Only
 * if there is no fault may it be written. */
enum otlp_fault otlp_record_read(struct bytes message, struct otlp_record *ret) MUST_CHECK;
/* Writes it as one object. If a message within it cannot be read, the line is `broken`. */
void otlp_record_write(struct otlp_line *, enum otlp_log_form, const struct otlp_log_group *, struct otlp_log_common *,
	const struct otlp_record *);

#endif
