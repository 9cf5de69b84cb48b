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

#include "config/option.h"
#include "config/tree.h"

/* Adds to each exporter of that kind below `section` (traces.export), whose variables have `signal` in their names
 * (TRACES). */
void otlp_variables_fill(struct tree *, const struct config_world *, const char *section, const char *signal);
/* Takes the next pair off a list "name=value,name=value", percent-encoded (W3C Baggage, without properties). 1; 0 at
 * the end; -EINVAL: it has no = in it. */
int otlp_variable_next(const char **list, struct config_arena *, struct option_pair *ret) MUST_CHECK;

#endif
