/*
 * Where OTLP/HTTP goes, of the address that people write: a base, to which /v1/traces is added (OpenTelemetry
 * specification, "OTLP Exporter", OTEL_EXPORTER_OTLP_ENDPOINT), or the whole URL, which ends with it already
 * (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT). A query stays at its end.
 */
#ifndef OXP_ENDPOINT_H
#define OXP_ENDPOINT_H

#include "base/base.h"

/* Whether the path of that URL, without slashes at its end, ends so. */
bool endpoint_ends_with(const char *url, const char *end);
/* What is wrong with it, as the end of a sentence; NULL when it is fine. */
const char *endpoint_wrong(const char *endpoint);
/* The caller's to free; NULL: out of memory. Only of one that is fine. */
char *endpoint_url(const char *endpoint) MUST_CHECK;

#endif
