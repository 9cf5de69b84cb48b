/*
 * The `otlp` exporter: spans to Jaeger, the Collector or any other OTLP/HTTP receiver, as protobuf.
 *
 * A batch is several checked requests, and their bytes one after another are one request: a repeated field merges by
 * concatenation (Protocol Buffers, "Encoding", Last One Wins). Answers are read by the OTLP specification, 1.11.0,
 * "OTLP/HTTP Response": 429, 502, 503 and 504 and a lost connection are tried again, every other failure never; with
 * 200 and partial_success nothing is tried again, and what was refused is counted. 413 tries the halves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "component.h"
#include "config/option.h"
#include "exporters/post.h"
#include "proto/otlp_response.h"

enum { ANSWER_MAX = 4 << 20, REASON_MAX = 256 }; /* the specification's ceiling for a response */

struct otlp_config {
	const char *endpoint;
	bool gzip;
	struct duration timeout;
};

static const char *const http_schemes[] = { "http", "https", NULL };

static const struct option otlp_options[] = {
	{ OPT_URL(struct otlp_config, endpoint), .choices = http_schemes, .name = "endpoint", .main = true,
		.required = true, .help = "Address of the receiver, such as http://jaeger:4318; /v1/traces is added." },
	{ OPT_BOOL(struct otlp_config, gzip), .name = "gzip", .text = "true", .help = "Compress what is sent." },
	{ OPT_DURATION(struct otlp_config, timeout), .name = "timeout", .text = "10s",
		.help = "How long one request may take, answer included." },
	{ .name = NULL },
};

struct exporter {
	struct host *host;
	struct poster *poster;
	char *url;
	uint64_t *partial;
};

/* 502 and 504 are a gateway's word for a receiver that gave it no answer. */
static enum outcome outcome_of_status(unsigned status)
{
	if (status / 100 == 2)
		return DELIVERED;
	if (status == 413)
		return SPLIT;
	if (status == 429 || status == 503)
		return RETRY;
	return status == 502 || status == 504 ? UNANSWERED : REJECTED;
}

static enum outcome outcome_of(const struct http_reply *reply)
{
	switch (reply->end) {
	case HTTP_END_ANSWER:
		return outcome_of_status(reply->status);
	case HTTP_END_STREAM:
		return SPLIT;
	case HTTP_END_TOO_LARGE:
		return REJECTED;
	case HTTP_END_CONNECT:
		return RETRY;
	default:
		return UNANSWERED;
	}
}

/* 2xx: taken, all or all but some. */
static void note_partial(struct exporter *e, struct send *send, const struct http_reply *reply)
{
	char message[REASON_MAX];
	uint64_t refused;

	if (otlp_response_parse(reply->body, &refused, message, sizeof message) < 0 || (!refused && !*message))
		return;
	++*e->partial;
	send_partial(send, refused, message);
	if (*e->partial == 1)
		host_log(e->host, LOG_LEVEL_WARN, "the destination refused %llu spans: %s", (unsigned long long)refused,
			message);
}

static void otlp_ended(void *exporter, struct send *send, void *reader, const struct http_reply *reply)
{
	enum outcome outcome = outcome_of(reply);
	char reason[REASON_MAX];

	(void)reader;
	if (outcome == DELIVERED)
		note_partial(exporter, send, reply);
	if (outcome != DELIVERED && reply->retry_after_ms >= 0)
		send_not_before(send, (uint64_t)reply->retry_after_ms);
	send_done(send, outcome, post_reason(reply, reason, sizeof reason));
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
	free(e->url);
	free(e);
}

static int otlp_create(const void *config, struct host *host, struct exporter **ret)
{
	const struct otlp_config *c = config;
	struct exporter *e = oxp_new(sizeof *e);
	size_t n = strlen(c->endpoint);
	int failed = 0;

	while (n > 0 && c->endpoint[n - 1] == '/')
		n--;
	e->host = host;
	e->partial =
		host_counter(host, "partial_successes_total", "Answers that took a request but refused some of it.");
	if (asprintf(&e->url, "%.*s/v1/traces", (int)n, c->endpoint) < 0) {
		e->url = NULL;
		failed = -ENOMEM;
	}
	if (!failed)
		failed = poster_new(&(struct poster_options){ .host = host,
					    .url = e->url,
					    .content_type = "application/x-protobuf",
					    .gzip = c->gzip,
					    .timeout = c->timeout,
					    .answer_max = ANSWER_MAX,
					    .ended = otlp_ended,
					    .exporter = e },
			&e->poster);
	if (failed) {
		otlp_destroy(e);
		return failed;
	}
	*ret = e;
	return 0;
}

const struct exporter_type exporter_otlp = {
	.name = "otlp",
	.summary = "Sends spans to Jaeger or any other OTLP/HTTP receiver as protobuf.",
	.signals = SIGNAL_TRACES,
	.options = otlp_options,
	.config_size = sizeof(struct otlp_config),
	.create = otlp_create,
	.send = otlp_send,
	.cancel = otlp_cancel,
	.destroy = otlp_destroy,
};
