#include "registry.h"

extern const struct collector_type collector_bulk, collector_jaeger, collector_otlp, collector_pipe, collector_push,
	collector_scrape, collector_socket, collector_statsd, collector_tail, collector_zipkin;
extern const struct exporter_type exporter_elasticsearch, exporter_file, exporter_otlp, exporter_otlp_logs,
	exporter_otlp_metrics, exporter_remote_write, exporter_store;
extern const struct check_type check_exec, check_expression, check_file, check_grpc, check_http, check_mysql,
	check_postgres, check_process, check_redis, check_tcp, check_unix;
extern const struct step_type step_add, step_drop, step_ecs, step_filter, step_fold, step_keep, step_limit,
	step_metric_add, step_metric_drop, step_metric_filter, step_metric_keep, step_metric_rename, step_redact,
	step_rename, step_sample, step_span_add, step_span_drop, step_span_filter, step_span_keep, step_span_limits,
	step_span_metrics, step_span_redact, step_span_rename, step_span_sample;

const struct collector_type *const registry_collectors[] = { &collector_bulk, &collector_jaeger, &collector_otlp,
	&collector_pipe, &collector_push, &collector_scrape, &collector_socket, &collector_statsd, &collector_tail,
	&collector_zipkin, NULL };
const struct exporter_type *const registry_exporters[] = { &exporter_elasticsearch, &exporter_file, &exporter_otlp,
	&exporter_otlp_logs, &exporter_otlp_metrics, &exporter_remote_write, &exporter_store, NULL };
const struct check_type *const registry_checks[] = { &check_http, &check_tcp, &check_unix, &check_grpc, &check_postgres,
	&check_mysql, &check_redis, &check_file, &check_process, &check_exec, &check_expression, NULL };
const struct step_type *const registry_steps[] = { &step_redact, &step_add, &step_rename, &step_ecs, &step_drop,
	&step_keep, &step_filter, &step_sample, &step_limit, &step_fold, &step_span_redact, &step_span_rename,
	&step_span_add, &step_span_drop, &step_span_keep, &step_span_filter, &step_span_sample, &step_span_limits,
	&step_span_metrics, &step_metric_rename, &step_metric_add, &step_metric_drop, &step_metric_keep,
	&step_metric_filter, NULL };
