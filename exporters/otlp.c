/*
 * The `otlp` exporter: spans, log lines and samples to Jaeger, the Collector or any other receiver of OTLP, as protobuf
 * over HTTP or gRPC.
 *
 * A batch of spans consists of several checked requests, and their bytes one after another are one request: a repeated
 * field merges by concatenation (Protocol Buffers, "Encoding", Last One Wins). What stands in several of them goes out
 * once (proto/otlp_group.h). Log lines are made into one request by otlp_logs.h. An item of samples is a request of its
 * own (proto/otlp_samples.h). What an answer means is told by otlp_answer.h.
 *
 * Many servers take no message of gRPC over 4 MiB, so a send stays below; over HTTP it is the specification that asks
 * for a ceiling.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "component.h"
#include "config/option.h"
#include "access/access.h"
#include "exporters/endpoint.h"
#include "exporters/hosts.h"
#include "exporters/otlp_answer.h"
#include "exporters/otlp_logs.h"
#include "exporters/otlp_resource.h"
#include "exporters/post.h"
#include "proto/otlp_group.h"
#include "proto/otlp_samples.h"

enum {
	ANSWER_MAX = 4 << 20, /* the specification's ceiling for a response */
	HTTP_SEND_MAX = 64 << 20,
	GRPC_SEND_MAX = 7 << 19, /* 3.5 MiB */
	METRICS_ROOM = 64 << 20, /* that the request of an item may take */
};

enum protocol { PROTOCOL_HTTP, PROTOCOL_GRPC };

struct otlp_config {
	const struct option_list *endpoint;
	enum protocol protocol;
	bool add_path, gzip;
	struct access_config access;
	struct duration timeout;
};

static const char *const protocols[] = { "http/protobuf", "grpc", NULL };
static const char *const http_schemes[] = { "http", "https", NULL };

static const struct option otlp_options[] = {
	{ OPT_URLS(struct otlp_config, endpoint), .choices = http_schemes, .name = "endpoint", .main = true,
		.required = true, .example = "[http://jaeger:4318]",
		.help = "Addresses of the receiver; /v1/traces, /v1/logs or /v1/metrics is added to one that does not "
			"end with it. "
			"Over gRPC: http://jaeger:4317. They are used in turn; one that fails is left out for a while. "
			"Without "
			"it, "
			"OTEL_EXPORTER_OTLP_ENDPOINT and the other variables of that name count." },
	{ OPT_BOOL(struct otlp_config, add_path), .name = "add_path", .text = "true",
		.help = "Whether /v1/traces, /v1/logs or /v1/metrics is added. Over gRPC the path is fixed." },
	{ OPT_CHOICE(struct otlp_config, protocol, protocols), .name = "protocol", .text = "http/protobuf",
		.help = "How requests are sent." },
	ACCESS_ROWS(struct otlp_config, access),
	ACCESS_HEADERS_ROW(struct otlp_config, access),
	{ OPT_BOOL(struct otlp_config, gzip), .name = "gzip", .text = "true", .help = "Whether to compress requests." },
	{ OPT_DURATION(struct otlp_config, timeout), .name = "timeout", .text = "10s", .min = 10,
		.help = "Longest time for one request, its answer included." },
	{ .name = NULL },
};

static const struct endpoint_path traces = { "/v1/traces",
	"/opentelemetry.proto.collector.trace.v1.TraceService/Export", "spans" };
static const struct endpoint_path logs = { "/v1/logs", "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
	"log records" };
static const struct endpoint_path metrics = { "/v1/metrics",
	"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "samples" };

struct exporter {
	struct host *host;
	struct poster *poster;
	struct hosts *hosts;
	struct otlp_logs *logs; /* of lines */
	struct bytes resource; /* of samples */
	const struct endpoint_path *path;
	struct access access;
	bool grpc;
	uint64_t *partial, *elsewhere;
};

/* What belongs to one request. */
struct ask {
	uint64_t sealed; /* when the batch was, in nanoseconds since 1970 */
	size_t chosen; /* which of the hosts it goes to */
	struct otlp_asked asked;
	/* The lane's while the request is made. */
	bool unreadable; /* what was kept on disk */
	uint64_t left_out; /* samples that OTLP has no place for */
	struct grpc_answer answer;
};

static const char left_out[] = "OTLP has no histograms of floats, or with buckets that lie far apart; of a label set "
			       "1,024 buckets or quantiles are sent";

static void *otlp_begin(void *exporter, const struct batch *batch, struct send *send)
{
	const struct exporter *e = exporter;
	struct ask *ask = oxp_new(sizeof *ask);

	ask->sealed = (uint64_t)send_sealed(send).ns;
	for (size_t i = send_first(send); e->grpc && i < send_end(send); i++)
		if (send_wants(send, i)) {
			ask->asked.items++;
			ask->asked.bytes += batch_item(batch, i)->size;
		}
	ask->unreadable = false;
	grpc_answer_init(&ask->answer);
	return ask;
}

static void otlp_line(void *reader, struct bytes line)
{
	grpc_answer_line(&((struct ask *)reader)->answer, line);
}

/* Taken: all of it, or all but some spans. */
static void note_partial(struct exporter *e, struct send *send, uint64_t refused, const char *message)
{
	if (!refused && !*message)
		return;
	++*e->partial;
	send_partial(send, refused, message);
	if (*e->partial == 1)
		host_log(e->host, LOG_LEVEL_WARN, "the destination refused %llu %s: %s", (unsigned long long)refused,
			e->path->what, message);
}

static const char *otlp_target(void *exporter, void *reader)
{
	struct exporter *e = exporter;
	struct ask *ask = reader;

	ask->chosen = hosts_pick(e->hosts, loop_now(host_loop(e->host)));
	return hosts_url(e->hosts, ask->chosen);
}

static void note_host(struct exporter *e, struct send *send, const struct ask *ask, const struct otlp_verdict *v)
{
	if (!v->is_out) {
		hosts_answered(e->hosts, ask->chosen);
		return;
	}
	if (!hosts_failed(e->hosts, ask->chosen, loop_now(host_loop(e->host)), v->reason))
		return;
	++*e->elsewhere;
	send_elsewhere(send);
}

static void otlp_ended(void *exporter, struct send *send, void *reader, const struct http_reply *reply)
{
	struct exporter *e = exporter;
	const struct ask *ask = reader;
	struct otlp_verdict v;

	if (e->grpc)
		otlp_judge_grpc(reply, &ask->answer, &ask->asked, &v);
	else
		otlp_judge_http(reply, &v);
	if (ask->unreadable && v.outcome == DELIVERED) {
		v.outcome = REJECTED;
		snprintf(v.reason, sizeof v.reason, "samples that were kept on disk cannot be read any more");
	}
	access_answered(&e->access, v.refusal);
	access_hide(&e->access, v.reason);
	note_host(e, send, ask, &v);
	if (v.not_before_ms >= 0 && v.outcome != DELIVERED)
		send_not_before(send, (uint64_t)v.not_before_ms);
	if (v.outcome == DELIVERED)
		note_partial(e, send, v.refused, v.reason);
	if (v.outcome == DELIVERED && ask->left_out > 0)
		send_partial(send, v.refused + ask->left_out, v.refused ? v.reason : left_out);
	send_done(send, v.outcome, v.outcome == DELIVERED ? "" : v.reason);
}

static void otlp_send(struct exporter *e, const struct batch *batch, struct send *send)
{
	poster_send(e->poster, batch, send);
}

/* A host that gave no answer in time is left out for a while, as one that was asked to the end. */
static void otlp_cancel(struct exporter *e, struct send *send)
{
	const struct ask *ask = poster_asking(send);

	if (ask)
		(void)hosts_failed(e->hosts, ask->chosen, loop_now(host_loop(e->host)), "no answer in time");
	poster_cancel(e->poster, send);
}

static void otlp_report(const struct exporter *e, struct json_writer *w)
{
	hosts_report(e->hosts, loop_now(host_loop(e->host)), w);
}

static void otlp_destroy(struct exporter *e)
{
	if (!e)
		return;
	poster_free(e->poster);
	hosts_free(e->hosts);
	otlp_logs_free(e->logs);
	free((char *)e->resource.data);
	access_done(&e->access);
	free(e);
}

static bool check(const struct otlp_config *c, const struct endpoint_path *path, char *why, size_t room)
{
	char wrong[160] = "is to be one URL or up to 64";
	bool grpc = c->protocol == PROTOCOL_GRPC, fine = c->endpoint->count > 0 && c->endpoint->count <= HOSTS_MAX;

	for (size_t i = 0; fine && i < c->endpoint->count; i++)
		fine = (!grpc && !c->add_path) ||
		       !endpoint_is_wrong(c->endpoint->items[i], path, grpc, wrong, sizeof wrong);
	if (fine)
		return access_check(&c->access, why, room);
	snprintf(why, room, "endpoint %s", wrong);
	return false;
}

static bool traces_check(const void *config, char *why, size_t room)
{
	return check(config, &traces, why, room);
}

static bool logs_check(const void *config, char *why, size_t room)
{
	return check(config, &logs, why, room);
}

static bool metrics_check(const void *config, char *why, size_t room)
{
	return check(config, &metrics, why, room);
}

static size_t otlp_send_max(const void *config)
{
	const struct otlp_config *c = config;

	return c->protocol == PROTOCOL_GRPC ? GRPC_SEND_MAX : HTTP_SEND_MAX;
}

/* Of lines of short members, which get longer. */
static size_t logs_send_max(const void *config)
{
	return otlp_send_max(config) / 2;
}

/* An item is a request, and goes out alone. */
static size_t metrics_send_max(const void *config)
{
	(void)config;
	return 1;
}

static bool metrics_any_names(const void *config)
{
	(void)config;
	return true;
}

static bool group_spans(const struct post_items *items, struct pieces *ret)
{
	struct otlp_group *group = items->count > 1 ? otlp_group_new(items->count) : NULL;

	if (!group)
		return false;
	for (size_t i = 0; i < items->count; i++) {
		const struct batch_item *item = post_items_at(items, i);
		otlp_group_add(group, (struct bytes){ item->data, item->size });
	}
	return otlp_group_end(group, ret);
}

static int logs_build(
	void *exporter, void *reader, const struct post_items *items, struct buffer *to, size_t *ret_start)
{
	const struct exporter *e = exporter;
	const struct ask *ask = reader;

	return otlp_logs_body(e->logs, items, ask->sealed, to, ret_start);
}

/* In the CPU lane. What cannot be read is not sent for ever. */
static int metrics_build(
	void *exporter, void *reader, const struct post_items *items, struct buffer *to, size_t *ret_start)
{
	const struct exporter *e = exporter;
	const struct batch_item *item = post_items_at(items, 0);
	struct ask *ask = reader;
	int failed;

	OXP_ASSERT(items->count == 1);
	*ret_start = to->size;
	failed = otlp_samples_build(e->resource, (struct bytes){ item->data, item->size }, to, &ask->left_out);
	ask->unreadable = failed == -EBADMSG;
	return ask->unreadable ? 0 : failed;
}

static int new_hosts(struct exporter *e, const struct otlp_config *c)
{
	const char *urls[HOSTS_MAX];
	struct option_list whole = { 0, urls };
	int failed = 0;

	for (size_t i = 0; i < c->endpoint->count && !failed; i++) {
		bool whole_already = !e->grpc && !c->add_path;
		urls[i] = whole_already ? oxp_strdup(c->endpoint->items[i])
					: endpoint_url(c->endpoint->items[i], e->path, e->grpc);
		whole.count += urls[i] != NULL;
		failed = urls[i] ? access_add_url(&e->access, urls[i]) : -ENOMEM;
	}
	if (!failed)
		failed = hosts_new(&whole, "", host_random(e->host), &e->hosts);
	for (size_t i = 0; i < whole.count; i++)
		free((char *)urls[i]);
	return failed;
}

static int new_poster(struct exporter *e, const struct otlp_config *c)
{
	return poster_new(&(struct poster_options){ .host = e->host,
				  .target = otlp_target,
				  .access = &e->access,
				  .content_type = e->grpc ? "application/grpc" : "application/x-protobuf",
				  .gzip = c->gzip,
				  .grpc = e->grpc,
				  .timeout = c->timeout,
				  .answer_max = ANSWER_MAX,
				  .build = e->path == &logs      ? logs_build
					   : e->path == &metrics ? metrics_build
								 : NULL,
				  .build_room = e->path == &metrics ? METRICS_ROOM : 0,
				  .gather = e->path == &traces ? group_spans : NULL,
				  .begin = otlp_begin,
				  .line = e->grpc ? otlp_line : NULL,
				  .ended = otlp_ended,
				  .discard = free,
				  .exporter = e },
		&e->poster);
}

static int create(
	const struct otlp_config *c, const struct endpoint_path *path, struct host *host, struct exporter **ret)
{
	struct exporter *e = oxp_new(sizeof *e);
	int failed;

	e->host = host;
	e->path = path;
	e->partial = host_counter(
		host, "partial_successes_total", "Answers that accepted a request but refused part of it.");
	e->grpc = c->protocol == PROTOCOL_GRPC;
	e->elsewhere = host_counter(host, "failovers_total", "Requests sent to another host because one failed.");
	failed = access_init(&e->access, &c->access, host);
	if (!failed && path == &logs)
		failed = otlp_logs_new(host_resource(host), &e->logs);
	if (!failed && path == &metrics)
		failed = otlp_resource_new(host_resource(host), &e->resource);
	if (!failed)
		failed = new_hosts(e, c);
	if (!failed)
		failed = new_poster(e, c);
	if (failed) {
		otlp_destroy(e);
		return failed;
	}
	*ret = e;
	return 0;
}

static int traces_create(const void *config, struct host *host, struct exporter **ret)
{
	return create(config, &traces, host, ret);
}

static int logs_create(const void *config, struct host *host, struct exporter **ret)
{
	return create(config, &logs, host, ret);
}

static int metrics_create(const void *config, struct host *host, struct exporter **ret)
{
	return create(config, &metrics, host, ret);
}

const struct exporter_type exporter_otlp = {
	.name = "otlp",
	.summary = "Sends spans to Jaeger or any other receiver of OTLP, as protobuf over HTTP or gRPC.",
	.signals = SIGNAL_TRACES,
	.options = otlp_options,
	.config_size = sizeof(struct otlp_config),
	.has_peer = true,
	.empty_sends = true,
	.send_max = otlp_send_max,
	.check = traces_check,
	.create = traces_create,
	.send = otlp_send,
	.cancel = otlp_cancel,
	.report = otlp_report,
	.destroy = otlp_destroy,
};

const struct exporter_type exporter_otlp_logs = {
	.name = "otlp",
	.summary = "Sends log lines to any receiver of OTLP, as protobuf over HTTP or gRPC.",
	.signals = SIGNAL_LOGS,
	.options = otlp_options,
	.config_size = sizeof(struct otlp_config),
	.has_peer = true,
	.empty_sends = true,
	.send_max = logs_send_max,
	.check = logs_check,
	.create = logs_create,
	.send = otlp_send,
	.cancel = otlp_cancel,
	.report = otlp_report,
	.destroy = otlp_destroy,
};

const struct exporter_type exporter_otlp_metrics = {
	.name = "otlp",
	.summary = "Sends samples to any receiver of OTLP, as protobuf over HTTP or gRPC.",
	.signals = SIGNAL_METRICS,
	.options = otlp_options,
	.config_size = sizeof(struct otlp_config),
	.in_order = true,
	.send_max = metrics_send_max,
	.any_names = metrics_any_names,
	.check = metrics_check,
	.create = metrics_create,
	.send = otlp_send,
	.cancel = otlp_cancel,
	.report = otlp_report,
	.destroy = otlp_destroy,
};
