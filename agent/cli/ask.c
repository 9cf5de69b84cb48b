#include "cli/ask.h"

#include <limits.h>
#include <stdio.h>

#include "http/client.h"
#include "loop/loop.h"
#include "loop/resolve.h"

enum { ANSWER_MAX = 16 << 20, PATIENCE_S = 5, PATIENCE_WITH_WORK_S = 30, URL_MAX = 2048 };

static void on_done(void *context, const struct http_reply *reply)
{
	struct cli_answer *a = context;

	a->status = reply->end == HTTP_END_ANSWER ? reply->status : 0;
	snprintf(a->error, sizeof a->error, "%s", reply->error);
	if (buffer_append(&a->body, reply->body.data, reply->body.size) < 0)
		a->status = 0;
	loop_stop(a->loop);
}

void cli_no_agent(const char *address, const struct cli_answer *a)
{
	fprintf(stderr, "oxpecker: no agent at %s (%s)\n", address, a->error[0] ? a->error : "nobody answers");
	fprintf(stderr, "  Is it running, with the same `control` in its configuration (--config FILE)?\n");
}

void cli_ask(const char *method, const char *address, const char *path, struct cli_answer *a)
{
	bool is_unix = strncmp(address, "unix:", 5) == 0;
	struct resolver *resolver = NULL;
	struct http_client *client = NULL;
	struct http_call *call;
	char url[URL_MAX];

	buffer_init(&a->body, ANSWER_MAX);
	snprintf(url, sizeof url, "http://%s%s%s",
		is_unix             ? "localhost"
		: address[0] == ':' ? "127.0.0.1"
				    : "",
		is_unix ? "" : address, path);
	if (loop_new(&clock_system, &a->loop) < 0)
		return;
	if (resolver_new(a->loop, &resolver) == 0 &&
		http_client_new(a->loop, &(struct http_client_options){ .connections_max = 1, .resolver = resolver },
			&client) == 0 &&
		http_call_start(client,
			&(struct http_call_options){ .method = method,
				.url = url,
				.unix_path = is_unix ? address + 5 : NULL,
				.done = on_done,
				.context = a,
				.answer_max = ANSWER_MAX,
				.timeout = DURATION_S(strcmp(method, "GET") == 0 ? PATIENCE_S : PATIENCE_WITH_WORK_S) },
			&call) == 0)
		loop_run(a->loop);
	http_client_free(client);
	resolver_free(resolver);
	loop_free(a->loop);
}

long long cli_sum(long long a, long long b)
{
	long long sum;

	return !__builtin_add_overflow(a, b, &sum) ? sum : a < 0 ? LLONG_MIN : LLONG_MAX;
}
