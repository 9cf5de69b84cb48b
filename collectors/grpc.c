#include "collectors/grpc.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "proto/grpc.h"

enum { MESSAGE_MAX = 4 << 10, WHY_SIZE = 256, RETRY_S = 1 };

static const char grpc_type[] = "application/grpc";
static const char accepted[] = "identity,gzip,deflate,zstd"; /* some cut at commas and keep spaces */

/* What a call has beside its request. */
struct grpc_call {
	struct door_request *request;
	struct grpc_frame frame;
	enum packing packing; /* of a message that is marked as compressed */
	struct loop_timer deadline;
};

static enum grpc_status code_of(unsigned status)
{
	switch (status) {
	case 400:
		return GRPC_STATUS_INVALID_ARGUMENT;
	case 413:
		return GRPC_STATUS_RESOURCE_EXHAUSTED;
	case 415:
		return GRPC_STATUS_UNIMPLEMENTED;
	case 503:
		return GRPC_STATUS_UNAVAILABLE;
	case 504:
		return GRPC_STATUS_DEADLINE_EXCEEDED;
	default:
		return GRPC_STATUS_INTERNAL;
	}
}

/* Text, with a zero behind it. */
static const char *text_of(struct buffer *b, int failed)
{
	return !failed && buffer_append(b, "", 1) == 0 ? b->data : "";
}

/* An answer of trailers alone. Only where it is worth trying again is that said: without RetryInfo clients of OTLP drop
 * what RESOURCE_EXHAUSTED answers (OTLP specification, "OTLP/gRPC Throttling"). */
static void fail(struct http_request *request, enum grpc_status code, const char *message)
{
	struct buffer text, details;
	const char *trailers[8] = { "grpc-status" };
	char number[8];
	size_t n = 1;

	buffer_init(&text, MESSAGE_MAX);
	buffer_init(&details, GRPC_DETAILS_MAX);
	snprintf(number, sizeof number, "%u", (unsigned)code % 100);
	trailers[n++] = number;
	trailers[n++] = "grpc-message";
	trailers[n++] = text_of(&text, grpc_message_write(message, &text));
	if (code == GRPC_STATUS_UNAVAILABLE) {
		trailers[n++] = "grpc-status-details-bin";
		trailers[n++] = text_of(&details, grpc_details_write(code, message, RETRY_S, &details));
	}
	http_respond(
		request, &(struct http_answer){ .status = 200,
				 .content_type = grpc_type,
				 .headers = code == GRPC_STATUS_UNIMPLEMENTED
						    ? (const char *const[]){ "grpc-accept-encoding", accepted, NULL }
						    : NULL,
				 .trailers = trailers });
	buffer_done(&text);
	buffer_done(&details);
}

static void refuse(struct door_request *r, unsigned status, const char *message)
{
	fail(r->request, code_of(status), message);
}

/* The message of an answer of HTTP, behind its head. */
static void respond(struct door_request *r, const struct http_answer *answer)
{
	static const char *const headers[] = { "grpc-accept-encoding", accepted, NULL };
	static const char *const trailers[] = { "grpc-status", "0", NULL };
	struct bytes message = answer->body   ? buffer_bytes(answer->body)
			       : answer->page ? http_page_bytes(answer->page)
					      : answer->constant;
	char head[GRPC_HEAD_SIZE];
	struct buffer body;

	buffer_init(&body, GRPC_HEAD_SIZE + message.size);
	grpc_head_write(false, (uint32_t)message.size, head);
	OXP_ASSERT(buffer_append(&body, head, sizeof head) == 0 && "out of memory");
	if (message.size > 0)
		OXP_ASSERT(buffer_append(&body, message.data, message.size) == 0 && "out of memory");
	http_respond(r->request, &(struct http_answer){ .status = 200,
					 .content_type = grpc_type,
					 .headers = headers,
					 .trailers = trailers,
					 .body = &body });
	buffer_done(&body);
}

static void call_done(struct door_request *r)
{
	loop_timer_done(&r->call->deadline);
	free(r->call);
	r->call = NULL;
}

static const struct door_voice voice = { refuse, respond, call_done };

/* A call. */

static void on_deadline(void *context)
{
	struct grpc_call *call = context;

	door_expire(call->request);
}

/* Malformed ones are refused, as by other servers: to ignore one is to work for nobody. */
static bool set_deadline(struct grpc_call *call, const char *text)
{
	struct duration timeout;

	if (!text)
		return true;
	if (grpc_timeout_parse(text, &timeout) < 0)
		return false;
	loop_timer_set(&call->deadline, timeout);
	return true;
}

/* application/grpc, or with +proto; what another kind means (+json) is not known here. */
static bool is_grpc(const char *type)
{
	return type &&
	       (media_type_is(bytes_of(type), grpc_type) || media_type_is(bytes_of(type), "application/grpc+proto"));
}

static enum http_take begin(void *context, struct http_request *request)
{
	const char *encoding = http_request_header(request, "grpc-encoding");
	const struct door_entry *entry = context;
	struct door *door = entry->door;
	struct door_request *r;
	struct grpc_call *call;

	if (!is_grpc(http_request_header(request, "Content-Type"))) {
		++*door->refused_bad;
		http_respond_text(request, 415, "text/plain", "Content-Type must be application/grpc\n");
		return HTTP_ANSWERED;
	}
	r = door_open(door, entry->type, request, &voice);
	r->call = call = oxp_new(sizeof *call);
	call->request = r;
	loop_timer_init(&call->deadline, host_loop(door->host), on_deadline, call);
	if (encoding && !packing_find(encoding, &call->packing))
		return door_refuse(r, 415, "grpc-encoding must be one of " PACKINGS ", identity");
	if (!set_deadline(call, http_request_header(request, "grpc-timeout")))
		return door_refuse(r, 400, "grpc-timeout must be one to eight digits and one of H, M, S, m, u, n");
	return HTTP_TAKEN;
}

/* The head of the message is whole. (One that is compressed with nothing is INTERNAL: grpc/doc/compression.md.) */
static enum http_take begin_message(struct door_request *r)
{
	const struct grpc_frame *frame = &r->call->frame;
	unsigned flag = grpc_frame_flag(frame);

	if (flag > 1)
		return door_refuse(r, 400, "a message must begin with 0 or 1 and its size in four bytes");
	if (flag == 1 && r->call->packing == PACKED_NOT)
		return door_refuse(r, 500, "the message is marked as compressed, but grpc-encoding is missing");
	if (flag == 1)
		r->packing = r->call->packing;
	return door_expect(r, (int64_t)grpc_frame_size(frame));
}

static enum http_take body(void *context, struct http_request *request, struct bytes piece)
{
	struct door_request *r = http_context(request);
	struct grpc_frame *frame = &r->call->frame;
	bool began = grpc_frame_is_whole(frame);

	if (!began && !grpc_frame_read(frame, &piece))
		return HTTP_TAKEN;
	if (!began && begin_message(r) == HTTP_ANSWERED)
		return HTTP_ANSWERED;
	if (piece.size > grpc_frame_size(frame) - r->body.size)
		return door_refuse(r, 400, "a call has one message; more follows the first");
	return piece.size > 0 ? door_body(context, request, piece) : HTTP_TAKEN;
}

static void complete(void *context, struct http_request *request)
{
	struct door_request *r = http_context(request);
	const struct grpc_frame *frame = &r->call->frame;

	if (!grpc_frame_is_whole(frame))
		door_refuse(r, 400, "a call has one message; none came");
	else if (r->body.size < grpc_frame_size(frame))
		door_refuse(r, 400, "the message is shorter than its head says");
	else
		door_complete(context, request);
}

struct http_route grpc_route(const struct door_entry *entry, const char *path)
{
	return (struct http_route){ .method = HTTP_POST,
		.path = path,
		.begin = begin,
		.body = body,
		.complete = complete,
		.gone = door_gone,
		.enough = door_entry_enough,
		.context = (void *)entry };
}

/* Other methods. */

static enum http_take begin_other(void *context, struct http_request *request)
{
	static const char why[] = "over gRPC, UNIMPLEMENTED: this method is not served here\n";
	struct door *door = context;
	char message[WHY_SIZE];

	door_declined_note(&door->declined, request, 404, why);
	snprintf(message, sizeof message, "%.150s is not served here", http_request_path(request));
	fail(request, GRPC_STATUS_UNIMPLEMENTED, message);
	return HTTP_ANSWERED;
}

struct http_route grpc_route_others(struct door *door)
{
	return http_route_refusing(HTTP_POST, "*", begin_other, door);
}
