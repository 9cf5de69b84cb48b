/*
 * Spans of Jaeger's own clients, in Thrift, as an OTLP request: as the OpenTelemetry Collector's Jaeger receiver maps
 * them (pkg/translator/jaeger, jaegerthrift_to_traces.go), so that Jaeger stores what its own door would have stored.
 *
 *	parentSpanId, references of the same trace	the parent; other references are links with their kind
 *	logs						events; the field `event`, if it is text, is the name
 *	process						the resource; hostname → host.name, jaeger.version →
 *							opencensus.exporterversion
 *	tags						attributes of the same type; of two with one key the last counts
 *	span.kind, error, otel.status_code,		kind and status
 *	otel.status_description, http.status_code
 *	w3c.tracestate, otel.scope.*			trace state and scope, which Jaeger shows as these tags again;
 *							otel.library.* stay attributes, as Jaeger has them
 *
 * Spans that follow each other and have the same scope share it. A span whose trace id or span id is zero is refused
 * alone. Equal keys are found among 64 tags at a time.
 *
 * There are two calls, since the memory is the caller's: jaeger_plan() counts, jaeger_write() writes. Both walk the
 * body a few times, without allocation or recursion. (jaeger-idl, jaeger.thrift and agent.thrift.)
 */
#ifndef OXP_JAEGER_H
#define OXP_JAEGER_H

#include "proto/otlp_made.h"
#include "proto/thrift.h"

struct jaeger_source {
	struct bytes body;
	enum thrift_protocol protocol;
	bool message; /* a call of the agent's emitBatch(), as over UDP; else a Batch, as over HTTP */
};

/* NULL; or what is wrong with the whole body, found at byte *ret_at, and *ret is undefined. */
const char *jaeger_plan(const struct jaeger_source *, struct otlp_made *ret, size_t *ret_at) MUST_CHECK;
/* Writes plan->size bytes. They pass otlp_traces_check(). */
void jaeger_write(const struct jaeger_source *, const struct otlp_made *plan, char *to);

#endif
