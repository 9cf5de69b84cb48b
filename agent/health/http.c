/*
 * The `http` check: a GET that is answered with 2xx or 3xx is fine.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/option.h"
#include "health/health.h"
#include "http/client.h"

enum { ANSWER_MAX = 1 << 20 };

struct http_check_config {
	const char *url;
};

static const char *const http_schemes[] = { "http", "https", NULL };

static const struct option http_check_options[] = {
	{ OPT_URL(struct http_check_config, url), .name = "url", .main = true, .required = true,
		.example = "https://api.example.com/health",
		.choices = http_schemes,
		.help = "Address that is asked with GET; 2xx and 3xx are fine." },
	{ .name = NULL },
};

struct check {
	struct host *host;
	const struct http_check_config *config;
	struct http_call *call;
};

static bool drop_piece(void *context, struct bytes piece)
{
	(void)context, (void)piece;
	return true;
}

static void on_done(void *context, const struct http_reply *reply)
{
	struct check *c = context;
	char why[100];

	c->call = NULL;
	if (reply->end == HTTP_END_ANSWER && reply->status >= 200 && reply->status < 400) {
		host_checked(c->host, true, "");
		return;
	}
	if (reply->end == HTTP_END_ANSWER)
		snprintf(why, sizeof why, "HTTP %u", reply->status);
	else
		snprintf(why, sizeof why, "%s", reply->error);
	host_checked(c->host, false, why);
}

static void http_check_start(struct check *c)
{
	const struct http_call_options o = { .method = "GET",
		.url = c->config->url,
		.piece = drop_piece,
		.done = on_done,
		.context = c,
		.answer_max = ANSWER_MAX,
		.timeout = DURATION_S(60) };

	if (http_call_start(host_http(c->host), &o, &c->call) < 0)
		host_checked(c->host, false, "cannot start a request");
}

static void http_check_cancel(struct check *c)
{
	if (c->call)
		http_call_cancel(c->call);
	c->call = NULL;
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
	.summary = "Fine when a GET is answered with 2xx or 3xx.",
	.schemes = http_schemes,
	.options = http_check_options,
	.config_size = sizeof(struct http_check_config),
	.create = http_check_create,
	.start = http_check_start,
	.cancel = http_check_cancel,
	.destroy = http_check_destroy,
};
