/*
 * The URL of OTLP/HTTP from the address that people write: a base, to which /v1/traces is added (OpenTelemetry
 * specification, "OTLP Exporter", OTEL_EXPORTER_OTLP_ENDPOINT), or the whole URL, which ends with it already
 * (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT). A query stays at its end.
 */
#ifndef OXP_ENDPOINT_H
#define OXP_ENDPOINT_H

#include "base/base.h"

/* Whether the path of the URL, without trailing slashes, ends with `end`. */
bool endpoint_ends_with(const char *url, const char *end);
/* What is wrong with it, as the end of a sentence; NULL if it is fine. */
const char *endpoint_wrong(const char *endpoint);
/* The caller frees it; NULL: out of memory. Only for an address that is fine. */
char *endpoint_url(const char *endpoint) MUST_CHECK;

#endif
