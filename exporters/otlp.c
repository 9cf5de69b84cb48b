/*
 * The `otlp` exporter: spans to Jaeger, the Collector or any other OTLP/HTTP receiver, as protobuf.
 *
 * A batch consists of several checked requests, and their bytes one after another are one request: a repeated field
 * merges by concatenation (Protocol Buffers, "Encoding", Last One Wins). Answers are read by the OTLP specification,
 * 1.11.0, "OTLP/HTTP Response": 429, 502, 503, 504 and a lost connection are tried again, every other failure is not.
 * After 200 with partial_success nothing is tried again, and the refused spans are counted. 413 tries the halves.
 *
 * That holds for answers of an OTLP receiver. An answer of anything else says nothing about the spans, which wait until
 * the right one answers: a 2xx that is not OTLP (the page of a captive portal), a redirect, and requests for
 * credentials: 401, 403, 407 and 511. No answer, and 403, may also be the fault of one request alone: if others are
 * taken meanwhile, the sender finds it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "component.h"
#include "config/option.h"
#include "exporters/endpoint.h"
#include "exporters/hidden.h"
#include "exporters/post.h"
#include "proto/otlp_response.h"

enum { ANSWER_MAX = 4 << 20, REASON_MAX = 256 }; /* the specification's ceiling for a response */

struct otlp_config {
	const char *endpoint;
	bool gzip;
	struct duration timeout;
};

static const char protobuf[] = "application/x-protobuf";
static const char *const http_schemes[] = { "http", "https", NULL };

static const struct option otlp_options[] = {
	{ OPT_URL(struct otlp_config, endpoint), .choices = http_schemes, .name = "endpoint", .main = true,
		.required = true, .example = "http://jaeger:4318",
		.help = "Address of the receiver, such as http://jaeger:4318; /v1/traces is added unless it ends "
			"with it." },
	{ OPT_BOOL(struct otlp_config, gzip), .name = "gzip", .text = "true", .help = "Whether to compress requests." },
	{ OPT_DURATION(struct otlp_config, timeout), .name = "timeout", .text = "10s",
		.help = "Longest time for one request, its answer included." },
	{ .name = NULL },
};

struct exporter {
	struct host *host;
	struct poster *poster;
	char *url;
	struct hidden hidden; /* the secrets in the URL */
	uint64_t *partial;
};

/* What a failure means. 403 may come from a firewall and be about this one request: the sender finds out. 502 and 504
 * come from a gateway that got no answer from the receiver. */
static enum outcome outcome_of_status(unsigned status)
{
	switch (status) {
	case 401: /* RFC 9110, 15.5: these ask who we are, whatever is in the request */
	case 407:
	case 429:
	case 503:
	case 511: /* RFC 6585, 6 */
		return RETRY;
	case 403:
		return FAILED;
	case 413:
		return SPLIT;
	case 502:
	case 504:
		return UNANSWERED;
	default:
		return status / 100 == 3 ? RETRY : REJECTED;
	}
}

static enum outcome outcome_of_failure(const struct http_reply *reply)
{
	switch (reply->end) {
	case HTTP_END_ANSWER:
	case HTTP_END_TOO_LARGE: /* the specification: that an answer is too large is no reason to try again */
		return outcome_of_status(reply->status);
	case HTTP_END_CODING: /* what was read of it counts; for a 2xx that is nothing */
		return reply->status / 100 == 2 ? RETRY : outcome_of_status(reply->status);
	case HTTP_END_STREAM:
		return SPLIT;
	case HTTP_END_CONNECT:
	case HTTP_END_NO_ROOM:
		return RETRY;
	default:
		return UNANSWERED;
	}
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

static void otlp_failed(const struct exporter *e, struct send *send, const struct http_reply *reply)
{
	enum outcome outcome = outcome_of_failure(reply);
	char reason[REASON_MAX];

	if (reply->retry_after_ms >= 0)
		send_not_before(send, (uint64_t)reply->retry_after_ms);
	if (reply->status / 100 == 3)
		snprintf(reason, sizeof reason, "HTTP %u: redirects are not followed; is the endpoint right?",
			reply->status);
	else
		post_reason(reply, reason, sizeof reason);
	hidden_take_out(&e->hidden, reason);
	send_done(send, outcome, reason);
}

static void otlp_not_understood(const struct exporter *e, struct send *send, const struct http_reply *reply)
{
	char reason[REASON_MAX];

	snprintf(reason, sizeof reason, "answered %u with %.80s, not OTLP: is the endpoint right?", reply->status,
		*reply->content_type ? reply->content_type : "an answer without a type");
	text_one_line(reason);
	hidden_take_out(&e->hidden, reason);
	send_done(send, RETRY, reason);
}

static void otlp_ended(void *exporter, struct send *send, void *reader, const struct http_reply *reply)
{
	const struct exporter *e = exporter;
	char message[REASON_MAX];
	uint64_t refused;

	(void)reader;
	if (reply->status / 100 != 2 || (reply->end != HTTP_END_ANSWER && reply->end != HTTP_END_TOO_LARGE)) {
		otlp_failed(e, send, reply);
	} else if (reply->end == HTTP_END_TOO_LARGE && media_type_is(bytes_of(reply->content_type), protobuf)) {
		send_done(send, REJECTED, "the answer is larger than 4 MiB");
	} else if (otlp_answer_parse(reply->content_type, reply->body, &refused, message, sizeof message) < 0) {
		otlp_not_understood(e, send, reply);
	} else {
		hidden_take_out(&e->hidden, message);
		note_partial(exporter, send, refused, message);
		send_done(send, DELIVERED, "");
	}
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
	const char *wrong = endpoint_wrong(c->endpoint);

	if (wrong)
		snprintf(why, room, "endpoint %s", wrong);
	return !wrong;
}

static int otlp_create(const void *config, struct host *host, struct exporter **ret)
{
	const struct otlp_config *c = config;
	struct exporter *e = oxp_new(sizeof *e);
	int failed;

	e->host = host;
	e->partial = host_counter(
		host, "partial_successes_total", "Answers that accepted a request but refused part of it.");
	e->url = endpoint_url(c->endpoint);
	hidden_init(&e->hidden);
	failed = e->url ? hidden_add_url(&e->hidden, e->url) : -ENOMEM;
	if (!failed)
		failed = poster_new(&(struct poster_options){ .host = host,
					    .url = e->url,
					    .content_type = protobuf,
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
	.has_peer = true,
	.empty_sends = true,
	.check = otlp_check,
	.create = otlp_create,
	.send = otlp_send,
	.cancel = otlp_cancel,
	.destroy = otlp_destroy,
};
