#include "exporters/otlp_answer.h"

#include <errno.h>
#include <stdio.h>

#include "base/text.h"
#include "exporters/post.h"
#include "proto/otlp_response.h"

static const char protobuf[] = "application/x-protobuf";

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
	case HTTP_END_CONNECT:
	case HTTP_END_NO_ROOM:
		return RETRY;
	default:
		return UNANSWERED;
	}
}

static bool is_whole(const struct http_reply *reply)
{
	return reply->end == HTTP_END_ANSWER || reply->end == HTTP_END_TOO_LARGE || reply->end == HTTP_END_CODING;
}

/* Of any failure of HTTP. */
static void judge_failure(const struct http_reply *reply, struct otlp_verdict *v)
{
	v->outcome = outcome_of_failure(reply);
	v->is_out = is_whole(reply) ? reply->status >= 502 && reply->status <= 504 : reply->end != HTTP_END_NO_ROOM;
	v->refusal = is_whole(reply) && (reply->status == 401 || reply->status == 403) ? reply->status : 0;
	if (reply->status / 100 == 3)
		snprintf(v->reason, sizeof v->reason, "HTTP %u: redirects are not followed; is the endpoint right?",
			reply->status);
	else
		post_reason(reply, v->reason, sizeof v->reason);
}

static void judge_stranger(const struct http_reply *reply, const char *what, struct otlp_verdict *v)
{
	v->outcome = RETRY;
	snprintf(v->reason, sizeof v->reason, "answered %u with %.80s, not %s: is the endpoint right?", reply->status,
		*reply->content_type ? reply->content_type : "an answer without a type", what);
	text_one_line(v->reason);
}

static struct otlp_verdict verdict_of(const struct http_reply *reply)
{
	return (struct otlp_verdict){ .outcome = DELIVERED, .not_before_ms = reply->retry_after_ms };
}

void otlp_judge_http(const struct http_reply *reply, struct otlp_verdict *ret)
{
	*ret = verdict_of(reply);
	if (reply->status / 100 != 2 || (reply->end != HTTP_END_ANSWER && reply->end != HTTP_END_TOO_LARGE)) {
		judge_failure(reply, ret);
	} else if (reply->end == HTTP_END_TOO_LARGE && media_type_is(bytes_of(reply->content_type), protobuf)) {
		ret->outcome = REJECTED;
		snprintf(ret->reason, sizeof ret->reason, "the answer is larger than 4 MiB");
	} else if (otlp_answer_parse(reply->content_type, reply->body, &ret->refused, ret->reason, sizeof ret->reason) <
		   0) {
		judge_stranger(reply, "OTLP", ret);
	}
}

/* gRPC. */

static bool is_about_size(const char *said)
{
	static const char *const words[] = { "larger than", "too large", "exceeds maximum", "too long",
		"message size" };

	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (strcasestr(said, words[i]))
			return true;
	return false;
}

static enum outcome outcome_of_exhausted(const struct grpc_answer *a, const struct otlp_asked *asked)
{
	if (a->retry_ms >= 0)
		return RETRY;
	return asked->bytes >= OTLP_GRPC_LARGE || is_about_size(a->said) ? SPLIT : REJECTED;
}

static enum outcome outcome_of_grpc(const struct grpc_answer *a, const struct otlp_asked *asked)
{
	switch (a->status) {
	case GRPC_STATUS_OK:
		return DELIVERED;
	case GRPC_STATUS_UNAVAILABLE:
	case GRPC_STATUS_UNAUTHENTICATED:
		return RETRY;
	case GRPC_STATUS_CANCELLED: /* by a proxy, or since the server ends: it was not answered */
	case GRPC_STATUS_DEADLINE_EXCEEDED:
		return UNANSWERED;
	case GRPC_STATUS_ABORTED:
	case GRPC_STATUS_OUT_OF_RANGE:
	case GRPC_STATUS_DATA_LOSS:
	case GRPC_STATUS_PERMISSION_DENIED:
		return FAILED;
	case GRPC_STATUS_RESOURCE_EXHAUSTED:
		return outcome_of_exhausted(a, asked);
	default:
		return REJECTED;
	}
}

/* The stream of a message over the limit may be reset before there is a status. */
static bool is_reset_for_size(const struct http_reply *reply, const struct otlp_asked *asked)
{
	size_t suspect = asked->items > 1 ? OTLP_GRPC_LARGE : OTLP_GRPC_TOO_LARGE;

	return reply->end == HTTP_END_STREAM && asked->bytes >= suspect;
}

static void judge_without_status(const struct http_reply *reply, const struct otlp_asked *asked, struct otlp_verdict *v)
{
	if (reply->end != HTTP_END_ANSWER || reply->status != 200) {
		judge_failure(reply, v);
		if (is_reset_for_size(reply, asked))
			v->outcome = SPLIT;
	} else if (strncasecmp(reply->content_type, "application/grpc", 16) == 0) {
		v->outcome = UNANSWERED;
		v->is_out = true;
		snprintf(v->reason, sizeof v->reason, "the answer ended before its status");
	} else {
		judge_stranger(reply, "gRPC", v);
	}
}

/* The status says that it was taken; how much of it stands in the message. */
static void judge_message(const struct http_reply *reply, const struct grpc_answer *a, struct otlp_verdict *v)
{
	struct bytes message;
	struct buffer room;
	int failed;

	buffer_init(&room, GRPC_MESSAGE_MAX);
	failed = reply->end == HTTP_END_ANSWER ? grpc_answer_message(a, reply->body, &room, &message) : -EBADMSG;
	if (!failed)
		failed = otlp_response_parse(message, &v->refused, v->reason, sizeof v->reason);
	buffer_done(&room);
	if (!failed)
		return;
	/* To a client of gRPC that is INTERNAL, which is not tried again. */
	v->outcome = failed == -ENOMEM ? RETRY : REJECTED;
	snprintf(v->reason, sizeof v->reason, "answered OK, but the message cannot be read");
}

void otlp_judge_grpc(const struct http_reply *reply, const struct grpc_answer *a, const struct otlp_asked *asked,
	struct otlp_verdict *ret)
{
	*ret = verdict_of(reply);
	if (a->retry_ms >= 0)
		ret->not_before_ms = a->retry_ms;
	if (a->status == GRPC_STATUS_NONE) {
		judge_without_status(reply, asked, ret);
		return;
	}
	ret->outcome = outcome_of_grpc(a, asked);
	if (ret->outcome == DELIVERED) {
		judge_message(reply, a, ret);
		return;
	}
	ret->is_out = a->status == GRPC_STATUS_UNAVAILABLE && a->retry_ms < 0;
	ret->refusal = a->status == GRPC_STATUS_UNAUTHENTICATED     ? 401
		       : a->status == GRPC_STATUS_PERMISSION_DENIED ? 403
								    : 0;
	snprintf(ret->reason, sizeof ret->reason, "gRPC %s%s%.200s", grpc_status_name(a->status), *a->said ? ": " : "",
		a->said);
}
