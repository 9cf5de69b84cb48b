/*
 * The `grpc` check: fine if a server says that it is SERVING (grpc/doc/health-checking.md; grpc.health.v1, Check).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "health/health.h"
#include "health/trust.h"
#include "http/client.h"
#include "proto/grpc_answer.h"

enum {
	ANSWER_MAX = 4 << 10,
	SERVICE_MAX = 255,
	REQUEST_MAX = GRPC_HEAD_SIZE + 3 + SERVICE_MAX,
	SERVICE_FIELD = 1 << 3 | 2, /* of HealthCheckRequest, a string */
	STATUS_FIELD = 1 << 3, /* of HealthCheckResponse, a varint */
	SERVING = 1,
};

struct grpc_config {
	const char *url, *service;
	struct trust_config trust;
};

static const char *const grpc_schemes[] = { "grpc", "grpcs", NULL };

static const struct option grpc_options[] = {
	{ OPT_URL(struct grpc_config, url), .name = "url", .main = true, .required = true,
		.example = "grpc://payments:50051", .choices = grpc_schemes,
		.help = "Server to ask; grpcs is with TLS." },
	{ OPT_TEXT(struct grpc_config, service), .name = "service", .example = "shop.Payments",
		.help = "Service to ask for; if it is missing, the server as a whole." },
	TRUST_ROWS(struct grpc_config, trust),
	{ .name = NULL },
};

/*
 * Invariant: `call` while one is under way, from start() until host_checked() or cancel().
 */
struct check {
	struct host *host;
	struct trust trust;
	char *url;
	char request[REQUEST_MAX];
	size_t size, sent;
	struct grpc_answer answer;
	struct http_call *call;
};

static size_t read_request(void *context, char *to, size_t room)
{
	struct check *c = context;
	size_t left = c->size - c->sent, size = left < room ? left : room;

	memcpy(to, c->request + c->sent, size);
	c->sent += size;
	return size;
}

static void rewind_request(void *context)
{
	((struct check *)context)->sent = 0;
}

static void on_line(void *context, struct bytes line)
{
	grpc_answer_line(&((struct check *)context)->answer, line);
}

/* The last `status` of the message; 0, UNKNOWN, if there is none. False: it is not a HealthCheckResponse. */
static bool read_status(struct bytes message, unsigned *ret)
{
	*ret = 0;
	if (message.size == 0)
		return true;
	if (message.size != 2 || message.data[0] != STATUS_FIELD || message.data[1] & 0x80)
		return false;
	*ret = (unsigned char)message.data[1];
	return true;
}

static void judge(struct check *c, const struct http_reply *reply)
{
	static const char *const names[] = { "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN" };
	struct buffer room;
	struct bytes message;
	unsigned status = 0;

	buffer_init(&room, ANSWER_MAX);
	if (grpc_answer_message(&c->answer, reply->body, &room, &message) || !read_status(message, &status) ||
		status >= COUNT_OF(names))
		host_checked(c->host, false, "the answer is not that of a health service");
	else
		host_checked(c->host, status == SERVING, status == SERVING ? "" : names[status]);
	buffer_done(&room);
}

static void on_done(void *context, const struct http_reply *reply)
{
	struct check *c = context;
	char why[GRPC_SAID_MAX + 64];

	c->call = NULL;
	if (reply->end != HTTP_END_ANSWER || reply->status != 200) {
		snprintf(why, sizeof why, "HTTP %u", reply->status);
		host_checked(c->host, false, *reply->error ? reply->error : why);
	} else if (c->answer.status != GRPC_STATUS_OK) {
		snprintf(why, sizeof why, "%s%s%s",
			c->answer.status == GRPC_STATUS_NONE ? "no status" : grpc_status_name(c->answer.status),
			*c->answer.said ? ": " : "", c->answer.said);
		host_checked(c->host, false, why);
	} else {
		judge(c, reply);
	}
}

static void grpc_start(struct check *c)
{
	static const char *const headers[] = { "Content-Type: application/grpc", "TE: trailers", NULL };
	const struct http_call_options o = { .method = "POST",
		.url = c->url,
		.headers = headers,
		.body_size = c->size,
		.read = read_request,
		.rewind = rewind_request,
		.line = on_line,
		.done = on_done,
		.context = c,
		.answer_max = ANSWER_MAX,
		.tls = &c->trust.tls,
		.http2 = true,
		.timeout = DURATION_S(HEALTH_TIMEOUT_MAX_S) };

	trust_renew(&c->trust);
	c->sent = 0;
	grpc_answer_init(&c->answer);
	if (http_call_start(host_http(c->host), &o, &c->call) < 0)
		host_checked(c->host, false, "cannot start a request");
}

static void grpc_cancel(struct check *c)
{
	if (c->call)
		http_call_cancel(c->call);
	c->call = NULL;
}

static void grpc_destroy(struct check *c)
{
	if (!c)
		return;
	grpc_cancel(c);
	trust_done(&c->trust);
	free(c->url);
	free(c);
}

/* grpc://host:port becomes http://host:port/grpc.health.v1.Health/Check. */
static char *url_of(const char *url)
{
	static const char scheme[] = "http", method[] = "/grpc.health.v1.Health/Check";
	const char *rest = url + strlen("grpc");
	size_t size = strcspn(rest + strcspn(rest, "/") + 2, "/?#") + strcspn(rest, "/") + 2;
	char *to = oxp_new(sizeof scheme + size + sizeof method);

	snprintf(to, sizeof scheme + size + sizeof method, "%s%.*s%s", scheme, (int)size, rest, method);
	return to;
}

/* A message with the name of the service; without one it is empty. */
static void write_request(struct check *c, const char *service)
{
	size_t size = strlen(service), at = GRPC_HEAD_SIZE;

	if (size > 0) {
		c->request[at++] = SERVICE_FIELD;
		c->request[at++] = (char)(size > 127 ? size | 0x80 : size);
		if (size > 127)
			c->request[at++] = (char)(size >> 7);
		memcpy(c->request + at, service, size);
	}
	c->size = at + size;
	grpc_head_write(false, (uint32_t)(c->size - GRPC_HEAD_SIZE), c->request);
}

static int grpc_create(const void *config, struct host *host, struct check **ret)
{
	const struct grpc_config *k = config;
	const char *service = k->service ? k->service : "";
	struct check *c = oxp_new(sizeof *c);
	int failed = trust_init(&c->trust, &k->trust, host);

	if (!failed && strlen(service) > SERVICE_MAX) {
		host_log(host, LOG_LEVEL_ERROR, "service: longer than %d bytes", SERVICE_MAX);
		failed = -EINVAL;
	}
	if (failed) {
		grpc_destroy(c);
		return failed;
	}
	c->host = host;
	c->url = url_of(k->url);
	write_request(c, service);
	*ret = c;
	return 0;
}

const struct check_type check_grpc = {
	.name = "grpc",
	.summary = "Fine if a gRPC server says that it is SERVING.",
	.schemes = grpc_schemes,
	.options = grpc_options,
	.config_size = sizeof(struct grpc_config),
	.create = grpc_create,
	.start = grpc_start,
	.cancel = grpc_cancel,
	.destroy = grpc_destroy,
};
