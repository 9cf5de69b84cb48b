/*
 * What a metric of OTLP, and an attribute, are called in Prometheus (OpenTelemetry specification 1.x, "Prometheus and
 * OpenMetrics Compatibility"). Where it leaves a choice, names are those that Prometheus' own OTLP receiver and the
 * Collector give, so that the same dashboards fit.
 *
 *	http.server.request.duration, s, histogram	http_server_request_duration_seconds
 *	jobs, 1, monotonic sum				jobs_total
 *	cpu.utilization, 1, gauge			cpu_utilization_ratio
 *	disk.io, By/s, gauge				disk_io_bytes_per_second
 */
#ifndef OXP_OTLP_METRIC_NAME_H
#define OXP_OTLP_METRIC_NAME_H

#include "proto/otlp_points.h"

enum {
	OTLP_METRIC_NAME_MAX = 1024, /* of what comes and of what it becomes */
	OTLP_UNIT_MAX = 63, /* a longer one is left out of the name */
};

/* Writes the name to `to`, which has room for OTLP_METRIC_NAME_MAX, and returns its size. 0: it has no letter and no
 * digit, or is too long. */
size_t otlp_metric_name(const struct otlp_metric *, char *to) MUST_CHECK;

/* An attribute's name as a label's: each run of what no label's name may have is one _, and before a digit comes key_.
 * `to` has room for OTLP_LABEL_EXTRA bytes more than `key` has. Returns its size; 0: the key is empty. */
enum { OTLP_LABEL_EXTRA = 4 };
size_t otlp_label_name(struct bytes key, char *to) MUST_CHECK;

#endif
