#include "guesses.h"

static const char to_a_door[] = "the app sends them to that door";
static const char in_order[] = "a list; its steps run in that order";
static const char all_in_one[] = "/metrics and the probes are served there";
static const char of_the_signal[] = "it holds for each exporter of the signal";
static const char speaks_otlp[] = "Jaeger, Tempo and the Collector take OTLP";
static const char same_api[] = "OpenSearch takes the same requests";
static const char with_grpc[] = "with `protocol: grpc`";
static const char of_pages[] = "a list of the web pages that are let in";
static const char on_disk[] = "what cannot be sent waits on disk there";

/* The first row that matches counts. */
const struct config_hint config_guesses[] = {
	/* Sections of other agents. */
	{ "receivers|inputs|input|sources", "receive, logs.collect or metrics.collect", NULL },
	{ "exporters|outputs|output|sinks|destinations", "logs.export, traces.export or metrics.export", NULL },
	{ "processors|filters|filter|transforms", "logs.steps", in_order },
	{ "pipelines|pipeline", "logs, metrics and traces", "each signal has its `collect` and `export`" },
	{ "service.pipelines", "logs, metrics and traces", "each signal has its `collect` and `export`" },
	{ "collect", "logs.collect or metrics.collect", NULL },
	{ "export|exporter", "logs.export, traces.export or metrics.export", NULL },
	{ "steps", "logs.steps", in_order },
	{ "batch", "logs.batch or traces.batch", NULL },
	{ "otlp", "receive.otlp", to_a_door },
	{ "tail|filelog|files", "logs.collect.tail", NULL },
	{ "scrape|prometheus", "metrics.collect.scrape", NULL },
	{ "elasticsearch|opensearch", "logs.export.elasticsearch", NULL },
	{ "jaeger", "traces.export.otlp", speaks_otlp },
	{ "port|address|addresses|http|server|admin|api|probes|liveness|readiness|bind", "listen", all_in_one },
	{ "log_level|loglevel|logging|log|debug|verbose", "--debug", "on the command line" },
	{ "data_dir|data|storage|path|folder|state_dir|buffer|queue|spool|persistence", "state.path", on_disk },
	{ "memory_limit|memory_limiter|mem|limits|resources|memory_max", "memory", NULL },
	{ "name|service_name|app", "service.name", NULL },
	{ "environment|env", "service.environment", NULL },
	{ "socket|control_socket|status", "control", NULL },
	{ "shutdown|grace|timeout", "exit.within", NULL },
	{ "checks", "health.checks", NULL },
	{ "cors|allowed_origins|allow_origins|cors_allowed_origins", "origins",
		"for `listen`; each door for telemetry has its own" },
	/* Traces. */
	{ "traces.collect|receive|receivers|receiver|input|inputs|listen|http|grpc", "receive.otlp", to_a_door },
	{ "traces.otlp|jaeger|exporters|output|outputs|endpoint|url", "traces.export.otlp", NULL },
	{ "traces.processors|filter|filters|transforms|redact|sample|sampling", "traces.steps", in_order },
	{ "traces.export.jaeger|tempo|zipkin|otlphttp|otlp_http|collector", "traces.export.otlp", speaks_otlp },
	{ "traces.export.otlpgrpc|otlp_grpc|grpc", "traces.export.otlp", with_grpc },
	{ "traces.export.*.url|urls|host|hosts|address|target", "endpoint", NULL },
	/* Doors. */
	{ "receive.http|otlphttp|otlp_http|traces|endpoint|protocols|listen", "receive.otlp", to_a_door },
	{ "receive.grpc|otlpgrpc|otlp_grpc", "receive.otlp.grpc", to_a_door },
	{ "receive.jaeger.thrift_http|collector", "http", NULL },
	{ "receive.jaeger.thrift_compact|agent|udp", "compact", NULL },
	{ "receive.jaeger.thrift_binary", "binary", NULL },
	{ "receive.*.cors|allowed_origins|allow_origins|cors_allowed_origins", "origins", of_pages },
	{ "receive.*.endpoint|endpoints|protocols|listen|address|addresses|port|host|bind|url|unix|socket", "http",
		"one address, or a list of them" },
	/* Logs. */
	{ "logs.receive|receivers|input|inputs|sources|source", "logs.collect", NULL },
	{ "logs.tail|path|paths|file|files|include|filelog", "logs.collect.tail", NULL },
	{ "logs.exporters|exporter|output|outputs|elasticsearch|opensearch|sinks", "logs.export", NULL },
	{ "logs.processors|filter|filters|transforms|redact|multiline", "logs.steps", in_order },
	{ "logs.collect.otlp|otlphttp|otlpgrpc|grpc|opentelemetry|otel", "receive.otlp", to_a_door },
	{ "logs.collect.http|elasticsearch", "logs.collect.bulk", "it takes what an Elasticsearch client sends" },
	{ "logs.collect.file|files|filelog|log|logs|docker|cri|kubernetes|container|path|paths|glob|globs",
		"logs.collect.tail", NULL },
	{ "logs.collect.stdin|stdout|console|fifo|exec", "logs.collect.pipe", "a FIFO that the app's stdout goes to" },
	{ "logs.collect.syslog|tcp|udp|unix|gelf|forward|journald", "logs.collect.socket", NULL },
	{ "logs.collect.*.file|files|glob|globs|include|filename|patterns", "paths", NULL },
	{ "logs.collect.*.ignore|exclude_files|exclude_path", "exclude", NULL },
	{ "logs.collect.*.parser|codec|parsers", "format", NULL },
	{ "logs.collect.*.steps|filter|filters|redact|processors", "logs.steps", in_order },
	{ "logs.collect.bulk.cors|allowed_origins|allow_origins|cors_allowed_origins", "origins", of_pages },
	{ "logs.collect.*.endpoint|address|addresses|port|host|bind", "listen or http", "see oxpecker reference" },
	{ "logs.export.opensearch|elastic|es|bulk", "logs.export.elasticsearch", same_api },
	{ "logs.export.otlphttp|otlp_http|opentelemetry|otel|collector", "logs.export.otlp", NULL },
	{ "logs.export.otlpgrpc|otlp_grpc|grpc", "logs.export.otlp", with_grpc },
	{ "logs.export.otlp.url|urls|host|hosts|address|addresses|target|server|servers", "endpoint", NULL },
	{ "logs.export.stdout|stderr|console|debug|stream", "logs.export.file",
		"with path: -, it is the standard "
		"output" },
	{ "logs.export.*.hosts|host|endpoint|endpoints|nodes|address|addresses|urls|server|servers", "url", NULL },
	{ "logs.export.*.username|login|auth|basic_auth", "user and password", NULL },
	{ "logs.export.*.apikey|apiKey|key_id", "api_key", NULL },
	{ "logs.export.*.token|bearer_token", "bearer", NULL },
	{ "logs.export.*.datastream|stream", "data_stream", NULL },
	{ "logs.export.*.steps|filter|filters|processors", "logs.steps", in_order },
	/* Metrics. */
	{ "metrics.exporters|exporter|output|outputs|listen|port|address|endpoint|path", "listen", all_in_one },
	{ "metrics.processors|filter|filters|transforms|relabel", "metrics.steps", in_order },
	{ "metrics.export.prometheus|exposition|scrape|http", "listen", all_in_one },
	{ "metrics.export.prometheusremotewrite|prometheus_remote_write|remotewrite|mimir|cortex|thanos|"
	  "victoriametrics",
		"metrics.export.remote_write", NULL },
	{ "metrics.export.otlphttp|otlp_http|opentelemetry|otel|collector", "metrics.export.otlp", NULL },
	{ "metrics.export.otlpgrpc|otlp_grpc|grpc", "metrics.export.otlp", with_grpc },
	{ "metrics.prometheus|scrape|target|targets|receive|receivers|input|inputs|sources", "metrics.collect.scrape",
		NULL },
	{ "metrics.interval|scrape_interval", "interval", "of metrics.collect.scrape" },
	{ "metrics.collect.prometheus|http|otlp|unix|openmetrics|app|node|push", "metrics.collect.scrape",
		"it reads a Prometheus page" },
	{ "metrics.collect.*.url|urls|address|endpoint|host|hosts|targets|static_configs|socket", "target", NULL },
	{ "metrics.collect.dogstatsd|udp|datadog|graphite", "metrics.collect.statsd", NULL },
	{ "metrics.collect.*.metrics_path", "path", NULL },
	{ "metrics.collect.*.scrape_interval|period|every", "interval", NULL },
	{ "metrics.collect.*.scrape_timeout", "timeout", NULL },
	/* Of any exporter. */
	{ "logs.export.*.batch|batch_size|bulk_size|bulk_max_size|flush|flush_interval", "logs.batch", of_the_signal },
	{ "traces.export.*.batch|batch_size|flush|flush_interval", "traces.batch", of_the_signal },
	{ "*.export.*.buffer|spool|queue|sending_queue|storage|disk", "state", on_disk },
	{ "*.export.*.retry|retries|max_retries|retry_on_failure|backoff", "retry_first and retry_last", NULL },
	{ "*.export.*.workers|parallelism|max_connections", "concurrency", NULL },
	{ "*.export.*.tls|ssl|ca_file|ca_cert|cafile|tls_ca", "ca, cert and key", NULL },
	{ "*.export.*.insecure|insecure_skip_verify|skip_verify|tls_verify", "verify", NULL },
	{ "*.export.*.compression|compress", "gzip", NULL },
	{ "*.export.*.inputs|input|source|sources|collect", "from", "names of collectors" },
	/* Probes. */
	{ "health.liveness|readiness|port|path|listen|address|http|endpoint|probes", "listen", all_in_one },
	{ "health.check|tcp|url|urls|database|redis|dependencies|targets", "health.checks", NULL },
	{ "health.checks.mongodb|kafka|rabbitmq|db|database|port", "health.checks.tcp",
		"the name may stay with `type: tcp`, or if its address begins with tcp://" },
	{ "health.checks.https|get|web", "health.checks.http", NULL },
	{ "health.checks.*.endpoint|host|target", "url, address or path", "see oxpecker reference" },
	{ .path = NULL },
};
