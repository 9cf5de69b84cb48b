#include "cli/ask.h"

#include <limits.h>
#include <stdio.h>

#include "http/client.h"
#include "loop/loop.h"
#include "loop/resolve.h"

enum { ANSWER_MAX = 16 << 20, PATIENCE_S = 5, PATIENCE_WITH_WORK_S = 30, AGAIN_MS = 20, URL_MAX = 2048 };

struct asking {
	struct cli_answer *answer;
	struct http_client *client;
	struct http_call_options options;
	struct loop_timer again;
	struct mono_time began;
};

static void ask(void *context)
{
	struct asking *asking = context;
	struct http_call *call;

	if (http_call_start(asking->client, &asking->options, &call) < 0)
		loop_stop(asking->answer->loop);
}

static void on_done(void *context, const struct http_reply *reply)
{
	struct asking *asking = context;
	struct cli_answer *a = asking->answer;

	if (reply->busy && mono_since(loop_now(a->loop), asking->began).ns < asking->options.timeout.ns) {
		loop_timer_set(&asking->again, DURATION_MS(AGAIN_MS));
		return;
	}
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
	struct asking asking = { .answer = a };
	char url[URL_MAX];

	buffer_init(&a->body, ANSWER_MAX);
	snprintf(url, sizeof url, "http://%s%s%s",
		is_unix             ? "localhost"
		: address[0] == ':' ? "127.0.0.1"
				    : "",
		is_unix ? "" : address, path);
	asking.options = (struct http_call_options){ .method = method,
		.url = url,
		.unix_path = is_unix ? address + 5 : NULL,
		.done = on_done,
		.context = &asking,
		.answer_max = ANSWER_MAX,
		.timeout = DURATION_S(strcmp(method, "GET") == 0 ? PATIENCE_S : PATIENCE_WITH_WORK_S) };
	if (loop_new(&clock_system, &a->loop) < 0)
		return;
	loop_timer_init(&asking.again, a->loop, ask, &asking);
	asking.began = loop_now(a->loop);
	if (resolver_new(a->loop, &resolver) == 0 &&
		http_client_new(a->loop, &(struct http_client_options){ .connections_max = 1, .resolver = resolver },
			&asking.client) == 0) {
		loop_timer_set(&asking.again, DURATION_MS(0));
		loop_run(a->loop);
	}
	http_client_free(asking.client);
	loop_timer_done(&asking.again);
	resolver_free(resolver);
	loop_free(a->loop);
}

long long cli_sum(long long a, long long b)
{
	long long sum;

	return !__builtin_add_overflow(a, b, &sum) ? sum : a < 0 ? LLONG_MIN : LLONG_MAX;
}
