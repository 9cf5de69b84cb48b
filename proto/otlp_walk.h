/*
 * OTLP trace requests on the wire: checked in one pass, without decoding, allocation or recursion.
 *
 * What passes otlp_traces_check() is an ExportTraceServiceRequest that a receiver can take: lengths and varints fit,
 * known fields have their wire type, strings are UTF-8, trace ids are 16 and span ids 8 bytes and not all zero, values
 * are nested within OTLP_LEVELS_MAX, the top level holds whole fields only. Unknown fields are skipped, groups are
 * refused. A request that does not pass may be mended: otlp_mend.h.
 *
 * Two such bodies, one after the other, are one request again, since a repeated field merges by concatenation (Protocol
 * Buffers, "Encoding", "Last One Wins"). That is how the exporter builds a batch, and why nothing doubtful may pass.
 * Field numbers: opentelemetry-proto 1.x, trace.proto, common.proto, resource.proto.
 */
#ifndef OXP_OTLP_WALK_H
#define OXP_OTLP_WALK_H

#include "base/bytes.h"
#include "proto/otlp_fault.h"

const char *otlp_fault_name(enum otlp_fault fault); /* in words */

/* StatusCode (opentelemetry-proto 1.x, trace.proto). */
enum otlp_status { OTLP_STATUS_UNSET, OTLP_STATUS_OK, OTLP_STATUS_ERROR };

struct otlp_summary {
	uint64_t spans;
};

/* *ret_at is where the field with the fault begins, or the end of the span that lacks an id; `size` if all is fine. The
 * counts up to there are in *ret either way. */
enum otlp_fault otlp_traces_check(const char *body, size_t size, struct otlp_summary *ret, size_t *ret_at);

/* One span of the body: slices point into it, and what it lacks is empty or 0. Attributes are many fields, so the
 * span's own bytes are given; otlp_wire.h reads them. */
struct otlp_span {
	struct bytes resource, scope, span; /* the messages */
	struct bytes service, name; /* service is the resource's service.name */
	struct bytes trace_id, span_id, parent_id; /* 16, 8, and 0 or 8 bytes */
	uint64_t kind, status, start_ns, end_ns; /* status: a number of enum otlp_status, or another */
};

/* Visits the spans of a body in order until `visit` answers other than 0, which is then the answer. -EBADMSG if the
 * body is not such a message; a body that passed otlp_traces_check() always is one. */
int otlp_traces_each(struct bytes body, int (*visit)(void *, const struct otlp_span *), void *context) MUST_CHECK;

#endif
