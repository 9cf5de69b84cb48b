/*
 * OTLP trace requests on the wire: checked in one pass, without decoding, allocation or recursion.
 *
 * What passes otlp_traces_check() is an ExportTraceServiceRequest that a receiver can take: lengths and varints fit, known
 * fields have their wire type, strings are UTF-8, trace ids are 16 and span ids 8 bytes and not all zero, nesting stays
 * under a ceiling. Unknown fields are skipped. Two such bodies one after the other are one request again, since a repeated
 * field merges by concatenation (Protocol Buffers, "Encoding", "Last One Wins").
 * Field numbers: opentelemetry-proto 1.x, trace.proto, common.proto, resource.proto.
 */
#ifndef OXP_OTLP_WALK_H
#define OXP_OTLP_WALK_H

#include "base/bytes.h"

enum { OTLP_DEPTH_MAX = 64 };

enum otlp_fault {
	OTLP_OK, OTLP_CUT, OTLP_VARINT, OTLP_WIRE_TYPE, OTLP_FIELD_ZERO, OTLP_UTF8, OTLP_TRACE_ID, OTLP_SPAN_ID, OTLP_PARENT_ID,
	OTLP_DEEP, OTLP_FAULTS
};
const char *otlp_fault_name(enum otlp_fault);	/* in words */

struct otlp_limits { unsigned depth; };		/* at most OTLP_DEPTH_MAX */
extern const struct otlp_limits otlp_limits_default;

struct otlp_summary { uint64_t resources, scopes, spans; };

/* *ret_at is the byte at which a fault was found. */
enum otlp_fault otlp_traces_check(const char *body, size_t size, const struct otlp_limits *, struct otlp_summary *ret,
				  size_t *ret_at);

#endif
