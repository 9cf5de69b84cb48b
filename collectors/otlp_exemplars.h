/*
 * Exemplars of OTLP's points as OpenMetrics has them: `{trace_id="…",span_id="…",…} value timestamp`. Behind the ids
 * come the filtered attributes, under the names of labels, as far as all of it has the 128 characters that an exemplar
 * may have (OpenMetrics 1.0, "Exemplars"; OpenTelemetry, "Prometheus and OpenMetrics Compatibility", "Exemplars").
 */
#ifndef OXP_COLLECTORS_OTLP_EXEMPLARS_H
#define OXP_COLLECTORS_OTLP_EXEMPLARS_H

#include "collectors/otlp_labels.h"
#include "proto/otlp_points.h"

/* Gives those of the point to its meter, a counter or a histogram. `scratch` is for labels. */
void otlp_exemplars_take(struct meters *, struct meter *, const struct otlp_point *, struct otlp_labels *scratch);

#endif
