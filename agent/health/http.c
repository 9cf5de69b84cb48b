/*
 * The `http` check: a GET that is answered with 2xx or 3xx is fine.
 *
 * The head of the answer decides. What follows is read and dropped while it is short, so that the connection can be
 * kept; that it is large, slow, endless or cut off changes nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/option.h"
#include "health/health.h"
#include "http/client.h"

enum { DROPPED_MAX = 64 << 10, TIMEOUT_S = 60 };

struct http_check_config {
	const char *url;
};

static const char *const http_schemes[] = { "http", "https", NULL };

static const struct option http_check_options[] = {
	{ OPT_URL(struct http_check_config, url), .name = "url", .main = true, .required = true,
		.example = "https://api.example.com/health", .choices = http_schemes,
		.help = "Address to send a GET to; 2xx and 3xx are fine." },
	{ .name = NULL },
};

/*
 * Invariant: `asked` from start() until host_checked() or cancel(). The call may be there without it: its head has
 * come, and the rest is dropped.
 */
struct check {
	struct host *host;
	const struct http_check_config *config;
	struct http_call *call;
	size_t dropped;
	bool asked;
};

static void tell(struct check *c, bool fine, const char *why)
{
	if (!c->asked)
		return;
	c->asked = false;
	host_checked(c->host, fine, why);
}

static void on_head(void *context, unsigned status, const char *content_type)
{
	char why[32];

	(void)content_type;
	snprintf(why, sizeof why, "HTTP %u", status);
	tell(context, status >= 200 && status < 400, why);
}

static bool drop_piece(void *context, struct bytes piece)
{
	struct check *c = context;

	c->dropped += piece.size;
	return c->dropped <= DROPPED_MAX;
}

static void on_done(void *context, const struct http_reply *reply)
{
	struct check *c = context;

	c->call = NULL;
	tell(c, false, reply->error);
}

static void end_call(struct check *c)
{
	http_call_cancel(c->call);
	c->call = NULL;
}

static void http_check_start(struct check *c)
{
	const struct http_call_options o = { .method = "GET",
		.url = c->config->url,
		.head = on_head,
		.piece = drop_piece,
		.done = on_done,
		.context = c,
		.answer_max = DROPPED_MAX,
		.timeout = DURATION_S(TIMEOUT_S) };

	end_call(c);
	c->asked = true;
	c->dropped = 0;
	if (http_call_start(host_http(c->host), &o, &c->call) < 0)
		tell(c, false, "cannot start a request");
}

static void http_check_cancel(struct check *c)
{
	c->asked = false;
	end_call(c);
}

static int http_check_create(const void *config, struct host *host, struct check **ret)
{
	struct check *c = oxp_new(sizeof *c);

	c->host = host;
	c->config = config;
	*ret = c;
	return 0;
}

static void http_check_destroy(struct check *c)
{
	if (!c)
		return;
	http_check_cancel(c);
	free(c);
}

const struct check_type check_http = {
	.name = "http",
	.summary = "Fine if a GET is answered with 2xx or 3xx.",
	.schemes = http_schemes,
	.options = http_check_options,
	.config_size = sizeof(struct http_check_config),
	.create = http_check_create,
	.start = http_check_start,
	.cancel = http_check_cancel,
	.destroy = http_check_destroy,
};
