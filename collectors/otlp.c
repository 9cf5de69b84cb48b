/*
 * The `otlp` door: spans, log records and metrics over OTLP/HTTP, as protobuf and as JSON, and over OTLP/gRPC, on TCP
 * and on Unix sockets. What is said here of answers holds for all; collectors/grpc.h says what the statuses become over
 * gRPC.
 *
 * What becomes of a body is in the files otlp_door_*.c, one for each signal. The answer says that what it had is held
 * within the budget (`ack: memory`) or on disk (`ack: disk`); points of metrics are in their series, whatever `ack`
 * says. If there is no room it is 503 with Retry-After, and nothing of the request is taken. (OTLP specification
 * 1.11.0, "OTLP/HTTP": the answer has the Content-Type of the request, an error is a google.rpc.Status, an empty
 * request is fine.)
 */
#include <stdlib.h>

#include "collectors/grpc.h"
#include "collectors/otlp_door.h"

enum { LINES_SHARE = 4 }; /* a request may become log lines of that part of `memory` */

static const char *const forms[] = { [OTLP_LOG_ECS] = "ecs", [OTLP_LOG_OTEL] = "otel", NULL };

struct otlp_door_config {
	const struct option_list *http, *grpc;
	uint64_t body_max, connections;
	enum door_ack ack;
	enum otlp_log_form form;
	const struct option_list *origins;
	struct duration ttl;
	uint64_t series, family;
	bool scope_labels;
	const struct option_items *relabel;
	struct guard_config guard;
};

static const struct option otlp_door_options[] = {
	{ OPT_ADDRESSES(struct otlp_door_config, http), .name = "http", .main = true, .text = "127.0.0.1:4318",
		.help = "Addresses to listen on for OTLP/HTTP: host:port, :port or unix:/path." },
	{ OPT_ADDRESSES(struct otlp_door_config, grpc), .name = "grpc", .text = "127.0.0.1:4317", .unless = "http",
		.help = "The same for OTLP/gRPC. If only `http` is given, gRPC is not listened for." },
	DOOR_BODY_MAX_OPTION(struct otlp_door_config, body_max, "a quarter", ", over gRPC RESOURCE_EXHAUSTED"),
	{ OPT_COUNT(struct otlp_door_config, connections), .name = "connections", .text = "128", .min = 1, .max = 4096,
		.help = DOOR_CONNECTIONS_HELP },
	{ OPT_CHOICE(struct otlp_door_config, ack, door_acks), .name = "ack", .text = "memory", .help = DOOR_ACK_HELP },
	{ OPT_CHOICE(struct otlp_door_config, form, forms), .name = "logs", .text = "ecs",
		.help = "Names in log lines. ecs: those of the Elastic Common Schema; otel: the data model of "
			"OpenTelemetry, as the templates logs-*.otel-* of Elasticsearch expect it." },
	{ OPT_DURATION(struct otlp_door_config, ttl), .name = "ttl", .text = "5m", .zero = "never", .min = 1000,
		.help = "Metrics: a series ends when it was not sent for that long; one with delta temporality, when "
			"nothing was sent from its resource." },
	{ OPT_COUNT(struct otlp_door_config, series), .name = "series", .text = "20000", .min = 1, .max = 10000000,
		.help = "Most series; a histogram is one for each bucket, sum and count. Beyond it deltas count in a "
			"series with overflow=\"true\", and other points are refused." },
	{ OPT_COUNT(struct otlp_door_config, family), .name = "family", .text = "10000", .min = 1, .max = 10000000,
		.help = "The same for each metric." },
	{ OPT_BOOL(struct otlp_door_config, scope_labels), .name = "scope_labels", .text = "true",
		.help = "Whether series have the labels otel_scope_name, otel_scope_version and the like." },
	RELABELLING_ROW(struct otlp_door_config, relabel),
	{ OPT_TEXTS(struct otlp_door_config, origins), .name = "origins", .example = "[\"https://app.example.com\"]",
		.help = DOOR_ORIGINS_HELP },
	GUARD_ROWS(struct otlp_door_config, guard),
	{ .name = NULL },
};

struct collector {
	struct host *host;
	struct otlp_door otlp;
	const struct otlp_door_config *config;
	struct door_entry entries[OTLP_SERVICES];
	struct http_route routes[OTLP_SERVICES + 1], methods[OTLP_SERVICES + 2];
};

static const struct otlp_service *const services[OTLP_SERVICES] = { &otlp_service_traces, &otlp_service_logs,
	&otlp_service_metrics };

static enum http_take begin(void *context, struct http_request *request)
{
	const struct door_entry *entry = context;

	return door_begin_as(entry->door, entry->type, request, NULL);
}

/* Signals that no exporter takes are not served: their path is answered 404, their method UNIMPLEMENTED. */
static void add_routes(struct collector *c, struct host *host)
{
	size_t n = 0;

	for (size_t i = 0; i < OTLP_SERVICES; i++) {
		if (!host_takes(host, services[i]->type.signal))
			continue;
		c->entries[n] = (struct door_entry){ &c->otlp.door, &services[i]->type };
		c->routes[n] = (struct http_route){ .method = HTTP_POST,
			.path = services[i]->path,
			.begin = begin,
			.body = door_body,
			.into = door_into,
			.enough = door_entry_enough,
			.complete = door_complete,
			.gone = door_gone,
			.context = &c->entries[n] };
		c->methods[n] = grpc_route(&c->entries[n], services[i]->rpc);
		n++;
	}
	c->methods[n] = grpc_route_others(&c->otlp.door);
}

static int add_meters(struct collector *c, struct host *host)
{
	const struct otlp_meters_options options = { .ttl = c->config->ttl,
		.limits = { .series = c->config->series, .family_series = c->config->family, .label = METER_LABEL_MAX },
		.scope_labels = c->config->scope_labels,
		.relabel = c->config->relabel };

	int failed = host_takes(host, SIGNAL_METRICS) ? otlp_meters_new(host, &options, &c->otlp.meters) : 0;

	if (c->otlp.meters)
		otlp_meters_save(c->otlp.meters);
	return failed;
}

static bool otlp_door_check(const void *config, char *why, size_t room)
{
	const struct otlp_door_config *c = config;

	return door_check_origins(c->origins, why, room) && guard_check(&c->guard, why, room);
}

static void otlp_door_destroy(struct collector *c)
{
	if (c) {
		door_done(&c->otlp.door);
		otlp_meters_free(c->otlp.meters);
	}
	free(c);
}

static int otlp_door_create(const void *config, struct host *host, struct collector **ret)
{
	struct collector *c = oxp_new(sizeof *c);
	int failed;

	c->config = config;
	c->host = host;
	failed = door_init(&c->otlp.door, &otlp_service_traces.type, host,
		door_body_max(host, c->config->body_max, DOOR_BODY_PART));
	if (!failed)
		failed = add_meters(c, host);
	if (failed) {
		otlp_door_destroy(c);
		return failed;
	}
	c->otlp.door.ack = c->config->ack;
	c->otlp.door.origins = c->config->origins;
	c->otlp.door.guarded = &c->config->guard;
	c->otlp.form = c->config->form;
	c->otlp.lines_max = host_memory(host) / LINES_SHARE;
	otlp_door_count(&c->otlp, host);
	add_routes(c, host);
	*ret = c;
	return 0;
}

static int otlp_door_start(struct collector *c)
{
	int failed = door_start(&c->otlp.door, c->config->http, c->config->connections, c->routes);

	if (failed || c->config->grpc->count == 0)
		return failed;
	return door_start_grpc(&c->otlp.door, c->config->grpc, c->config->connections, c->methods);
}

static void otlp_door_resume(struct collector *c)
{
	door_resume(&c->otlp.door);
}

static bool otlp_door_quiet(struct collector *c)
{
	return door_quiet(&c->otlp.door);
}

static void otlp_door_stop(struct collector *c)
{
	door_stop(&c->otlp.door);
	if (c->otlp.meters)
		otlp_meters_end(c->otlp.meters);
}

static void otlp_door_collect(struct collector *c, struct mono_time deadline)
{
	(void)deadline;
	if (c->otlp.meters)
		otlp_meters_collect(c->otlp.meters);
	else
		host_collected(c->host);
}

static bool otlp_door_any(const struct collector *c)
{
	return c->otlp.meters && otlp_meters_any(c->otlp.meters);
}

static void otlp_door_report(const struct collector *c, struct json_writer *w)
{
	if (c->otlp.meters)
		otlp_meters_report(c->otlp.meters, w);
	door_report(&c->otlp.door, w);
}

const struct collector_type collector_otlp = {
	.name = "otlp",
	.summary = "Takes spans, logs and metrics over OTLP/HTTP (protobuf and JSON) and OTLP/gRPC on TCP and Unix "
		   "sockets.",
	.signals = SIGNAL_TRACES | SIGNAL_LOGS | SIGNAL_METRICS,
	.when_full = FULL_REFUSE,
	.rewind = REWIND_NONE,
	.options = otlp_door_options,
	.config_size = sizeof(struct otlp_door_config),
	.check = otlp_door_check,
	.create = otlp_door_create,
	.start = otlp_door_start,
	.collect = otlp_door_collect,
	.has_series = otlp_door_any,
	.report = otlp_door_report,
	.resume = otlp_door_resume,
	.quiet = otlp_door_quiet,
	.stop = otlp_door_stop,
	.destroy = otlp_door_destroy,
};
