#include "admin/grpc_probes.h"

#include <stdio.h>
#include <stdlib.h>

#include "admin/destinations.h"
#include "base/text.h"
#include "health/health.h"
#include "proto/grpc.h"
#include "proto/otlp_build.h"

enum {
	REQUEST_MAX = 1024, /* bytes of a message; a longer one is no name of ours */
	ANSWER_MAX = 256, /* all services */
	SERVICE = 1, /* of HealthCheckRequest */
	STATUS = 1, /* of HealthCheckResponse */
	STATUSES = 1, /* of HealthListResponse, a map of these two: */
	MAP_KEY = 1,
	MAP_VALUE = 2,
	SERVING = 1, /* of ServingStatus */
	NOT_SERVING = 2,
};

static const char grpc_type[] = "application/grpc";

struct call {
	struct grpc_frame frame;
	size_t size;
	char message[REQUEST_MAX];
};

/* The services. */

static bool is_alive(const struct grpc_probes *p)
{
	(void)p;
	return true; /* it answers */
}

static bool has_started(const struct grpc_probes *p)
{
	return health_started_up(p->health);
}

static bool is_ready(const struct grpc_probes *p)
{
	return health_ready(p->health);
}

static bool app_is_fine(const struct grpc_probes *p)
{
	return p->health->started && health_fine(p->health, PROBE_APP);
}

static bool delivers(const struct grpc_probes *p)
{
	return destinations_are_fine(p->destinations);
}

static const struct service {
	const char *name;
	bool (*serves)(const struct grpc_probes *);
} services[] = {
	{ "", is_alive },
	{ "liveness", is_alive },
	{ "startup", has_started },
	{ "readiness", is_ready },
	{ "app", app_is_fine },
	{ "delivery", delivers },
};

static void put_status(struct otlp_build *b, const struct grpc_probes *p, const struct service *s)
{
	otlp_build_number(b, STATUS, s->serves(p) ? SERVING : NOT_SERVING);
}

/* Answers. */

static void fail(struct http_request *request, enum grpc_status code, const char *message)
{
	char number[8];

	snprintf(number, sizeof number, "%u", (unsigned)code % 100);
	http_respond(request,
		&(struct http_answer){ .status = 200,
			.content_type = grpc_type,
			.trailers = (const char *const[]){ "grpc-status", number, "grpc-message", message, NULL } });
}

static void respond(struct http_request *request, const struct otlp_build *message)
{
	static const char *const trailers[] = { "grpc-status", "0", NULL };
	char head[GRPC_HEAD_SIZE];
	struct buffer body;

	OXP_ASSERT(message->size <= message->room);
	buffer_init(&body, GRPC_HEAD_SIZE + ANSWER_MAX);
	grpc_head_write(false, (uint32_t)message->size, head);
	OXP_ASSERT(buffer_append(&body, head, sizeof head) == 0 && "out of memory");
	OXP_ASSERT(buffer_append(&body, message->to, message->size) == 0 && "out of memory");
	http_respond(request,
		&(struct http_answer){ .status = 200, .content_type = grpc_type, .trailers = trailers, .body = &body });
	buffer_done(&body);
}

static void check(const struct grpc_probes *p, struct http_request *request, struct bytes message)
{
	char text[ANSWER_MAX];
	struct otlp_build b = { .to = text, .room = sizeof text };
	bool broken = false;
	struct bytes name = wire_last(message, SERVICE, &broken);

	if (broken) {
		fail(request, GRPC_STATUS_INVALID_ARGUMENT, "the message is not a HealthCheckRequest");
		return;
	}
	for (size_t i = 0; i < COUNT_OF(services); i++)
		if (bytes_are(name, services[i].name)) {
			put_status(&b, p, &services[i]);
			respond(request, &b);
			return;
		}
	fail(request, GRPC_STATUS_NOT_FOUND, "the services are liveness, startup, readiness, app, delivery");
}

static void list(const struct grpc_probes *p, struct http_request *request, struct bytes message)
{
	char text[ANSWER_MAX];
	struct otlp_build b = { .to = text, .room = sizeof text };

	(void)message;
	for (size_t i = 0; i < COUNT_OF(services); i++) {
		size_t entry = otlp_build_begin(&b, STATUSES), value;
		otlp_build_text(&b, MAP_KEY, bytes_of(services[i].name));
		value = otlp_build_begin(&b, MAP_VALUE);
		put_status(&b, p, &services[i]);
		otlp_build_end(&b, value);
		otlp_build_end(&b, entry);
	}
	respond(request, &b);
}

/* Calls. */

static enum http_take begin(void *context, struct http_request *request)
{
	const char *type = http_request_header(request, "Content-Type");

	(void)context;
	if (!type || strncasecmp(type, grpc_type, strlen(grpc_type)) != 0) {
		http_respond_text(request, 415, "text/plain", "Content-Type must be application/grpc\n");
		return HTTP_ANSWERED;
	}
	http_context_set(request, oxp_new(sizeof(struct call)));
	return HTTP_TAKEN;
}

static void gone(void *context, struct http_request *request)
{
	(void)context;
	free(http_context(request));
}

static enum http_take refuse(struct http_request *request, enum grpc_status code, const char *message)
{
	free(http_context(request));
	http_context_set(request, NULL);
	fail(request, code, message);
	return HTTP_ANSWERED;
}

static enum http_take body(void *context, struct http_request *request, struct bytes piece)
{
	struct call *c = http_context(request);

	(void)context;
	if (!grpc_frame_is_whole(&c->frame) && !grpc_frame_read(&c->frame, &piece))
		return HTTP_TAKEN;
	if (grpc_frame_flag(&c->frame) != 0)
		return refuse(request, GRPC_STATUS_UNIMPLEMENTED, "messages must not be compressed");
	if (grpc_frame_size(&c->frame) > REQUEST_MAX)
		return refuse(request, GRPC_STATUS_RESOURCE_EXHAUSTED, "the message is larger than 1024 bytes");
	if (piece.size > grpc_frame_size(&c->frame) - c->size)
		return refuse(request, GRPC_STATUS_INVALID_ARGUMENT, "more follows the message");
	if (piece.size > 0)
		memcpy(c->message + c->size, piece.data, piece.size);
	c->size += piece.size;
	return HTTP_TAKEN;
}

static void complete(const struct grpc_probes *p, struct http_request *request,
	void answer(const struct grpc_probes *, struct http_request *, struct bytes message))
{
	struct call *c = http_context(request);

	if (!grpc_frame_is_whole(&c->frame) || c->size < grpc_frame_size(&c->frame)) {
		refuse(request, GRPC_STATUS_INVALID_ARGUMENT, "the message is missing, or shorter than its head says");
		return;
	}
	http_context_set(request, NULL);
	answer(p, request, (struct bytes){ c->message, c->size });
	free(c);
}

static void complete_check(void *context, struct http_request *request)
{
	complete(context, request, check);
}

static void complete_list(void *context, struct http_request *request)
{
	complete(context, request, list);
}

static enum http_take begin_other(void *context, struct http_request *request)
{
	(void)context;
	fail(request, GRPC_STATUS_UNIMPLEMENTED, "grpc.health.v1.Health has Check and List here");
	return HTTP_ANSWERED;
}

void grpc_probes_routes(struct grpc_probes *p, struct http_route *ret)
{
	static const struct http_route call = { .method = HTTP_POST, .begin = begin, .body = body, .gone = gone };

	ret[0] = ret[1] = call;
	ret[0].path = "/grpc.health.v1.Health/Check";
	ret[0].complete = complete_check;
	ret[1].path = "/grpc.health.v1.Health/List";
	ret[1].complete = complete_list;
	ret[2] = http_route_refusing(HTTP_POST, "*", begin_other, p);
	for (size_t i = 0; i < GRPC_PROBES_ROUTES; i++)
		ret[i].context = p;
}
