/*
 * A trace request as OTLP/JSON (specification, "JSON Protobuf Encoding"): lowerCamelCase names, ids in hex, 64-bit
 * numbers as strings, enums as numbers. For people and for the embedded store. A cold path, but it does not recurse.
 *
 * Known fields that are on the wire are written, in the order of the .proto files. If a field that is not `repeated`
 * occurs twice, the last one counts; so does the last kind of a value that has several.
 */
#ifndef OXP_OTLP_TEXT_H
#define OXP_OTLP_TEXT_H

#include "base/bytes.h"

/* Appends one object, or nothing on failure. 0, -EBADMSG (no such message, nested beyond OTLP_DEPTH_MAX), -ENOSPC or
 * -ENOMEM. What passed otlp_traces_check() is never -EBADMSG. */
int otlp_traces_to_json(const char *body, size_t size, struct buffer *) MUST_CHECK;

/* One span of a request for a table: texts are terminated and valid during the visit. */
struct otlp_row {
	const char *trace_id, *span_id, *parent_id; /* hex; "" for a root */
	const char *service, *name;
	unsigned kind, status;
	uint64_t start_ns, end_ns;
	const char *json; /* the rest of the span, as in OTLP/JSON */
};
/* Visits the spans in order. 0 or as above. */
int otlp_traces_rows(
	const char *body, size_t size, void (*visit)(void *, const struct otlp_row *), void *context) MUST_CHECK;

#endif
