/*
 * The `http` check: a GET that is answered with a status of those named is fine, and if `body` is set, with a body that
 * it is found in.
 *
 * Without `body` the head of the answer decides. What follows is read and dropped while it is short, so that the
 * connection can be kept; that it is large, slow, endless or cut off changes nothing. With it, the first BODY_MAX bytes
 * are looked at.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "health/health.h"
#include "health/trust.h"
#include "http/client.h"
#include "proto/regex.h"

enum { BODY_MAX = 64 << 10 };

struct http_check_config {
	const char *url, *body;
	const struct option_list *status;
	struct trust_config trust;
};

static const char *const http_schemes[] = { "http", "https", NULL };

static const struct option http_check_options[] = {
	{ OPT_URL(struct http_check_config, url), .name = "url", .main = true, .required = true,
		.example = "https://api.example.com/health", .choices = http_schemes,
		.help = "Address to send a GET to." },
	{ OPT_TEXTS(struct http_check_config, status), .name = "status", .text = "2xx 3xx",
		.help = "The answers that are fine; x is any digit." },
	{ OPT_TEXT(struct http_check_config, body), .name = "body", .example = "'\"status\": *\"UP\"'",
		.help = "Regular expression (PCRE2) that has to be found in the first 64 KiB of the body." },
	TRUST_ROWS(struct http_check_config, trust),
	{ .name = NULL },
};

/*
 * Invariant: `asked` from start() until host_checked() or cancel(). The call may be there without it: its head has
 * come, and the rest is dropped.
 */
struct check {
	struct host *host;
	const struct http_check_config *config;
	struct trust trust;
	struct regex *pattern; /* NULL: any body is fine */
	struct http_call *call;
	struct buffer body; /* empty without a pattern */
	size_t came;
	bool asked;
};

static void tell(struct check *c, bool fine, const char *why)
{
	if (!c->asked)
		return;
	c->asked = false;
	host_checked(c->host, fine, why);
}

static bool status_is(const char *wanted, const char *digits)
{
	size_t i = 0;

	while (digits[i] && (wanted[i] == digits[i] || wanted[i] == 'x'))
		i++;
	return !digits[i];
}

static bool is_wanted(const struct option_list *wanted, unsigned status)
{
	char digits[12];

	snprintf(digits, sizeof digits, "%03u", status);
	for (size_t i = 0; i < wanted->count; i++)
		if (status_is(wanted->items[i], digits))
			return true;
	return false;
}

static void on_head(void *context, unsigned status, const char *content_type)
{
	struct check *c = context;
	char why[32];
	bool fine = is_wanted(c->config->status, status);

	(void)content_type;
	snprintf(why, sizeof why, "HTTP %u", status);
	if (!fine || !c->pattern)
		tell(c, fine, why);
}

static bool take_piece(void *context, struct bytes piece)
{
	struct check *c = context;
	size_t room = BODY_MAX - c->body.size;

	c->came += piece.size;
	if (c->pattern && buffer_append(&c->body, piece.data, piece.size < room ? piece.size : room))
		return false;
	return c->came <= BODY_MAX;
}

/* A text that is not UTF-8 is looked at as it would be shown. */
static void judge_body(struct check *c, struct bytes body)
{
	char *text = oxp_new(3 * body.size + 1);
	struct bytes groups[REGEX_GROUPS_MAX], mended = { text, utf8_mend(body.data, body.size, text) };
	enum regex_answer found = regex_find(c->pattern, mended, groups);

	free(text);
	tell(c, found == REGEX_YES,
		found == REGEX_LIMIT ? "to find the body takes too many steps" : "the body is not what it should be");
}

static void on_done(void *context, const struct http_reply *reply)
{
	struct check *c = context;
	bool came = reply->end == HTTP_END_ANSWER || reply->end == HTTP_END_STOPPED || reply->end == HTTP_END_TOO_LARGE;
	bool judges = c->asked && c->pattern && came;

	c->call = NULL;
	if (judges)
		judge_body(c, c->body.size ? buffer_bytes(&c->body) : reply->body);
	else
		tell(c, false, reply->error);
	buffer_done(&c->body);
}

static void end_call(struct check *c)
{
	http_call_cancel(c->call);
	c->call = NULL;
	buffer_done(&c->body);
}

static void http_check_start(struct check *c)
{
	const struct http_call_options o = { .method = "GET",
		.url = c->config->url,
		.head = on_head,
		.piece = take_piece,
		.done = on_done,
		.context = c,
		.answer_max = 2 * BODY_MAX,
		.tls = &c->trust.tls,
		.timeout = DURATION_S(HEALTH_TIMEOUT_MAX_S) };

	end_call(c);
	trust_renew(&c->trust);
	c->asked = true;
	c->came = 0;
	if (http_call_start(host_http(c->host), &o, &c->call) < 0)
		tell(c, false, "cannot start a request");
}

static void http_check_cancel(struct check *c)
{
	c->asked = false;
	end_call(c);
}

static void http_check_destroy(struct check *c)
{
	if (!c)
		return;
	http_check_cancel(c);
	regex_free(c->pattern);
	trust_done(&c->trust);
	free(c);
}

/* Three characters, each a digit or an x. */
static bool can_be_status(const char *text)
{
	return strlen(text) == 3 && strspn(text, "0123456789x") == 3;
}

static int read_options(struct check *c)
{
	const struct http_check_config *k = c->config;
	char why[200];
	int failed = 0;

	for (size_t i = 0; i < k->status->count && !failed; i++)
		if (!can_be_status(k->status->items[i])) {
			host_log(c->host, LOG_LEVEL_ERROR, "status: \"%s\" is not one such as 200 or 2xx",
				k->status->items[i]);
			failed = -EINVAL;
		}
	if (!failed && k->body) {
		failed = regex_new(k->body, why, sizeof why, &c->pattern);
		if (failed)
			host_log(c->host, LOG_LEVEL_ERROR, "body: %s", failed == -EINVAL ? why : strerror(-failed));
	}
	return failed;
}

static int http_check_create(const void *config, struct host *host, struct check **ret)
{
	struct check *c = oxp_new(sizeof *c);
	int failed;

	c->host = host;
	c->config = config;
	buffer_init(&c->body, BODY_MAX);
	failed = trust_init(&c->trust, &c->config->trust, host);
	if (!failed)
		failed = read_options(c);
	if (failed) {
		http_check_destroy(c);
		return failed;
	}
	*ret = c;
	return 0;
}

const struct check_type check_http = {
	.name = "http",
	.summary = "Fine if a GET is answered as it should be.",
	.schemes = http_schemes,
	.options = http_check_options,
	.config_size = sizeof(struct http_check_config),
	.create = http_check_create,
	.start = http_check_start,
	.cancel = http_check_cancel,
	.destroy = http_check_destroy,
};
