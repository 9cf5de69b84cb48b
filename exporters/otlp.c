/*
 * The `otlp` exporter: spans to Jaeger, the Collector or any other receiver of OTLP, as protobuf over HTTP or gRPC.
 *
 * A batch consists of several checked requests, and their bytes one after another are one request: a repeated field
 * merges by concatenation (Protocol Buffers, "Encoding", Last One Wins). What an answer means is told by otlp_answer.h.
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
#include "exporters/endpoint.h"
#include "exporters/hidden.h"
#include "exporters/otlp_answer.h"
#include "exporters/post.h"

enum {
	ANSWER_MAX = 4 << 20, /* the specification's ceiling for a response */
	HTTP_SEND_MAX = 64 << 20,
	GRPC_SEND_MAX = 7 << 19, /* 3.5 MiB */
};

enum protocol { PROTOCOL_HTTP, PROTOCOL_GRPC };

struct otlp_config {
	const char *endpoint;
	enum protocol protocol;
	bool gzip;
	struct duration timeout;
};

static const char *const protocols[] = { "http/protobuf", "grpc", NULL };
static const char *const http_schemes[] = { "http", "https", NULL };

static const struct option otlp_options[] = {
	{ OPT_URL(struct otlp_config, endpoint), .choices = http_schemes, .name = "endpoint", .main = true,
		.required = true, .example = "http://jaeger:4318",
		.help = "Address of the receiver, such as http://jaeger:4318; /v1/traces is added unless it ends "
			"with it. Over gRPC: http://jaeger:4317." },
	{ OPT_CHOICE(struct otlp_config, protocol, protocols), .name = "protocol", .text = "http/protobuf",
		.help = "How requests are sent." },
	{ OPT_BOOL(struct otlp_config, gzip), .name = "gzip", .text = "true", .help = "Whether to compress requests." },
	{ OPT_DURATION(struct otlp_config, timeout), .name = "timeout", .text = "10s",
		.help = "Longest time for one request, its answer included." },
	{ .name = NULL },
};

static const struct endpoint_path traces = { "/v1/traces",
	"/opentelemetry.proto.collector.trace.v1.TraceService/Export", "spans" };

struct exporter {
	struct host *host;
	struct poster *poster;
	char *url;
	bool grpc;
	struct hidden hidden; /* the secrets in the URL */
	uint64_t *partial;
};

/* What belongs to one request. */
struct ask {
	struct otlp_asked asked;
	struct grpc_answer answer;
};

static void *otlp_begin(void *exporter, const struct batch *batch, struct send *send)
{
	struct ask *ask = oxp_new(sizeof *ask);

	(void)exporter;
	for (size_t i = send_first(send); i < send_end(send); i++)
		if (send_wants(send, i)) {
			ask->asked.items++;
			ask->asked.bytes += batch_item(batch, i)->size;
		}
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
		host_log(e->host, LOG_LEVEL_WARN, "the destination refused %llu spans: %s", (unsigned long long)refused,
			message);
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
	hidden_take_out(&e->hidden, v.reason);
	if (v.not_before_ms >= 0 && v.outcome != DELIVERED)
		send_not_before(send, (uint64_t)v.not_before_ms);
	if (v.outcome == DELIVERED)
		note_partial(e, send, v.refused, v.reason);
	send_done(send, v.outcome, v.outcome == DELIVERED ? "" : v.reason);
}

static void otlp_send(struct exporter *e, const struct batch *batch, struct send *send)
{
	poster_send(e->poster, batch, send);
}

static void otlp_cancel(struct exporter *e, struct send *send)
{
	poster_cancel(e->poster, send);
}

static void otlp_destroy(struct exporter *e)
{
	if (!e)
		return;
	poster_free(e->poster);
	hidden_done(&e->hidden);
	free(e->url);
	free(e);
}

static bool otlp_check(const void *config, char *why, size_t room)
{
	const struct otlp_config *c = config;
	char wrong[160];

	if (!endpoint_is_wrong(c->endpoint, &traces, c->protocol == PROTOCOL_GRPC, wrong, sizeof wrong))
		return true;
	snprintf(why, room, "endpoint %s", wrong);
	return false;
}

static size_t otlp_send_max(const void *config)
{
	const struct otlp_config *c = config;

	return c->protocol == PROTOCOL_GRPC ? GRPC_SEND_MAX : HTTP_SEND_MAX;
}

static int new_poster(struct exporter *e, const struct otlp_config *c)
{
	return poster_new(&(struct poster_options){ .host = e->host,
				  .url = e->url,
				  .content_type = e->grpc ? "application/grpc" : "application/x-protobuf",
				  .gzip = c->gzip,
				  .grpc = e->grpc,
				  .timeout = c->timeout,
				  .answer_max = ANSWER_MAX,
				  .begin = otlp_begin,
				  .line = e->grpc ? otlp_line : NULL,
				  .ended = otlp_ended,
				  .discard = free,
				  .exporter = e },
		&e->poster);
}

static int otlp_create(const void *config, struct host *host, struct exporter **ret)
{
	const struct otlp_config *c = config;
	struct exporter *e = oxp_new(sizeof *e);
	int failed;

	e->host = host;
	e->partial = host_counter(
		host, "partial_successes_total", "Answers that accepted a request but refused part of it.");
	e->grpc = c->protocol == PROTOCOL_GRPC;
	e->url = endpoint_url(c->endpoint, &traces, e->grpc);
	hidden_init(&e->hidden);
	failed = e->url ? hidden_add_url(&e->hidden, e->url) : -ENOMEM;
	if (!failed)
		failed = new_poster(e, c);
	if (failed) {
		otlp_destroy(e);
		return failed;
	}
	*ret = e;
	return 0;
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
	.check = otlp_check,
	.create = otlp_create,
	.send = otlp_send,
	.cancel = otlp_cancel,
	.destroy = otlp_destroy,
};
