/*
 * Zipkin's spans, JSON v2, as an OTLP request: as the OpenTelemetry Collector's Zipkin receiver maps them
 * (pkg/translator/zipkin, zipkinv2/to_translator.go), so that Jaeger stores what its own door would have stored.
 *
 *	traceId, id, parentId			up to 32 hex digits; up to 16. Zeros at the front may be missing
 *	localEndpoint.serviceName		service.name of the resource; its address and port are net.host.*
 *	remoteEndpoint				peer.service, net.peer.*
 *	annotations				events, the value is the name
 *	tags					attributes, all text; those that say where the app runs
 *						(host.name …) are of the resource; otel.library.* or
 *						otel.scope.* are the scope
 *	error, otel.status_code,		the status
 *	otel.status_description
 *	w3c.tracestate				trace state
 *	no timestamp				0, and otel.zipkin.absentField.startTime
 *	debug, shared				are not kept
 *
 * Two things differ from the Collector. Spans share a resource only if all of it is equal, not only the service. And an
 * annotation is taken as it is: what stands behind a | in it is not read as attributes.
 *
 * A span with a wrong id, number or character is refused alone; whatever is no list of objects, as a whole. Of a span,
 * the first JSON_MEMBERS_MAX members are read.
 *
 * There are two calls, since the memory is the caller's: zipkin_plan() counts, zipkin_write() writes. Both walk the
 * body a few times, without allocation or recursion. (Zipkin API v2, POST /spans.)
 */
#ifndef OXP_ZIPKIN_H
#define OXP_ZIPKIN_H

#include "proto/otlp_made.h"

/* NULL; or what is wrong with the whole body, found at byte *ret_at, and *ret is undefined. JSON_LINE_PADDING readable
 * bytes are behind the body. */
const char *zipkin_plan(struct bytes body, struct otlp_made *ret, size_t *ret_at) MUST_CHECK;
/* Writes plan->size bytes. They pass otlp_traces_check(). */
void zipkin_write(struct bytes body, const struct otlp_made *plan, char *to);

#endif
