/*
 * An item of samples (samples_item.h) as the message of one request of OTLP: ExportMetricsServiceRequest with one
 * resource and one scope. (opentelemetry-proto 1.x, metrics.proto; OpenTelemetry specification, "Prometheus and
 * OpenMetrics Compatibility", Prometheus Metric points to OTLP)
 *
 *	counter                 a monotonic, cumulative sum that is called as its samples (x_total)
 *	histogram, summary      one point for each label set, with its buckets or quantiles
 *	info, stateset          a sum that is not monotonic
 *	all else                gauges, each called as its samples
 *
 * A sample that its family does not have is a gauge. The time at which a label set was created is when its points
 * start. Series that have ended are not told: a receiver sees that points are missing.
 * Native histograms are exponential ones, without the classic buckets that they may have, too. OTLP has none of floats,
 * and none whose buckets lie too far apart (otlp_native.h): of these the classic buckets are told, and one without them
 * is left out.
 */
#ifndef OXP_OTLP_SAMPLES_H
#define OXP_OTLP_SAMPLES_H

#include "base/bytes.h"

/* `resource`: the field ResourceMetrics.resource, made before; may be empty. Appends the message. 0; -EBADMSG if the
 * item cannot be read to its end, and what was read is there; -ENOSPC or -ENOMEM. *ret_left_out is how many samples
 * have no place in it: such histograms, and buckets or quantiles of a label set beyond 1,024, or of no number. */
int otlp_samples_build(struct bytes resource, struct bytes item, struct buffer *to, uint64_t *ret_left_out) MUST_CHECK;

#endif
