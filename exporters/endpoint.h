/*
 * The URLs of OTLP from the address that people write. Over HTTP that is a base, to which the path of the signal is
 * added (OpenTelemetry specification, "OTLP Exporter", OTEL_EXPORTER_OTLP_ENDPOINT), or the whole URL, which ends with
 * it already (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT); a query stays at its end. Over gRPC it is scheme, host and port.
 */
#ifndef OXP_ENDPOINT_H
#define OXP_ENDPOINT_H

#include "base/base.h"

/* Where a signal goes. */
struct endpoint_path {
	const char *http; /* /v1/traces */
	const char *grpc; /* /opentelemetry.proto.collector.trace.v1.TraceService/Export */
	const char *what; /* spans */
};

/* Whether the path of the URL, without trailing slashes, ends with `end`. */
bool endpoint_ends_with(const char *url, const char *end);
/* Writes what is wrong with it, as the end of a sentence, and returns true; false if it is fine. */
bool endpoint_is_wrong(const char *endpoint, const struct endpoint_path *, bool grpc, char *why, size_t room);
/* The caller frees it; NULL: out of memory. Only for an address that is fine. */
char *endpoint_url(const char *endpoint, const struct endpoint_path *, bool grpc) MUST_CHECK;

#endif
