/*
 * OTEL_EXPORTER_OTLP_*: what an `otlp` exporter without an endpoint takes from the environment (OpenTelemetry
 * specification, "OpenTelemetry Protocol Exporter", Configuration Options).
 *
 * The variables describe one receiver, with its credentials. So they count for an exporter that names none, and never
 * add to one that does: a header with a token would go to another host. Of what such an exporter says itself, nothing
 * is replaced. The variable of the signal (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) comes before that of all signals; an
 * empty one counts as not set. A wrong value is complained of as if a file of the variable's name had it.
 */
#ifndef OXP_OTLP_VARIABLES_H
#define OXP_OTLP_VARIABLES_H

#include "config/tree.h"

/* Adds to each exporter of that kind below `section` (traces.export), whose variables have `signal` in their names
 * (TRACES). */
void otlp_variables_fill(struct tree *, const struct config_world *, const char *section, const char *signal);
/* A name or value of a list, whose percent signs stand for other characters (W3C Baggage). */
const char *otlp_variable_decoded(struct config_arena *, struct bytes coded);

#endif
