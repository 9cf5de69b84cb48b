/*
 * The life of a call, and the client. The callbacks of a call run inside libcurl, where no call may be removed or
 * started, or inside its exchange. If a user does either there, it is noted (`given_up`) and done once that has
 * returned. done() is only called from outside of both.
 */
#include "http/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "http/easy.h"
#include "http/exchange.h"
#include "http/multi.h"
#include "http/tries.h"

enum {
	CONNECT_MS = 2000, /* to one address: a first packet that is lost comes again after a second */
};

struct http_client {
	struct loop *loop;
	struct multi multi;
	struct links links;
	struct resolver *resolver;
	struct addresses *addresses;
	bool own_resolver;
	char *ca_file;
	struct http_call *calls;
	struct answers answers;
};

/*
 * Invariant: listed from start to end. Either `resolving`, or added to the multi (`added`) or with an exchange that has
 * started, or waiting for `soon`: to be sent, or to be told of a failure (`failed` set). `easy` is for calls that are
 * not `ours`, and `exchange` and `to` for those that are.
 */
struct http_call {
	struct http_client *client;
	struct http_call *next, **link;
	struct http_call_options options;
	struct easy easy;
	struct exchange exchange;
	struct link_to to;
	struct resolve *resolving;
	struct tries tries;
	struct loop_timer timer, connecting;
	struct loop_soon soon, rest; /* rest: of an answer that was put off is read on */
	struct answer answer;
	char *host;
	uint16_t port;
	uint64_t sent;
	enum http_end failed; /* before anything was sent */
	unsigned connections; /* on which it was sent */
	bool ours, added, given_up, busy;
	bool reads_chunks; /* the handle was told to read a little at a time */
	char error[CURL_ERROR_SIZE];
};

/* Ends. */

static void call_remove(struct http_call *c)
{
	if (c->added)
		multi_remove(&c->client->multi, c->easy.curl);
	c->added = false;
	if (c->ours)
		exchange_stop(&c->exchange);
}

static void call_free(struct http_call *c)
{
	if (!c)
		return;
	if (c->link) {
		*c->link = c->next;
		if (c->next)
			c->next->link = c->link;
	}
	resolve_cancel(c->resolving);
	loop_timer_done(&c->timer);
	loop_timer_done(&c->connecting);
	loop_soon_done(&c->soon);
	loop_soon_done(&c->rest);
	call_remove(c);
	easy_done(&c->easy);
	exchange_done(&c->exchange);
	answer_done(&c->answer);
	free(c->host);
	free(c);
}

/* What this end says about the address that was asked. */
static bool says_failed(enum http_end end, unsigned status)
{
	return end == HTTP_END_CONNECT || end == HTTP_END_BROKEN || end == HTTP_END_TIMEOUT ||
	       (status >= 502 && status <= 504);
}

/* Tells and forgets. The call is freed after done(), since the reply points into it. A call that was sent, and could
 * not connect to be sent again, may have arrived. */
static void call_end(struct http_call *c, enum http_end how)
{
	enum http_end end = how == HTTP_END_CONNECT && c->connections > 0 ? HTTP_END_BROKEN : how;
	struct answer_head head;
	struct http_reply reply;

	if (c->ours)
		head = c->exchange.reading.head;
	else
		easy_head(&c->easy, &head);
	reply = (struct http_reply){
		.end = end,
		.status = head.status,
		.error = end == HTTP_END_ANSWER ? "" : c->error,
		.body = buffer_bytes(&c->answer.body),
		.content_type = head.content_type,
		.retry_after_ms = c->answer.retry_after_ms,
		.resent = c->connections > 1,
		.busy = c->busy,
	};
	tries_ended(&c->tries, says_failed(end, reply.status));
	if (how == HTTP_END_CONNECT && c->host)
		resolver_forget(c->client->resolver, c->host);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->link = NULL;
	call_remove(c);
	c->options.done(c->options.context, &reply);
	call_free(c);
}

static void call_fail(struct http_call *c, enum http_end end, const char *error)
{
	snprintf(c->error, sizeof c->error, "%s", error);
	c->failed = end;
	loop_soon_run(&c->soon);
}

static void out_of_time(void *context)
{
	struct http_call *c = context;

	snprintf(c->error, sizeof c->error, "no %s within %.3g s", c->connections ? "whole answer" : "connection",
		duration_seconds(c->options.timeout));
	call_end(c, c->connections ? HTTP_END_TIMEOUT : HTTP_END_CONNECT);
}

static enum http_end end_from(const struct http_call *c, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		/* A connection closed within the head is well to libcurl. */
		return !c->answer.head_told              ? HTTP_END_BROKEN
		       : answer_is_cut_short(&c->answer) ? HTTP_END_CODING
							 : HTTP_END_ANSWER;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ENGINE_INITFAILED:
		return HTTP_END_CONNECT;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_END_TIMEOUT;
	case CURLE_HTTP2_STREAM:
		return HTTP_END_STREAM;
	case CURLE_WRITE_ERROR:
		return c->answer.end ? c->answer.end : HTTP_END_BROKEN;
	default:
		return c->connections ? HTTP_END_BROKEN : HTTP_END_CONNECT;
	}
}

/* Used instead of libcurl's words, which name the host of the URL: localhost, port 80, although the call goes to a Unix
 * socket. */
static void tell_unix(struct http_call *c, int error)
{
	c->busy = error == 0 || error == EAGAIN; /* to libcurl, EAGAIN is a connection that is on its way */
	snprintf(c->error, sizeof c->error, "%s",
		error == ENOENT         ? "no such socket"
		: error == ECONNREFUSED ? "nothing listens on it"
		: c->busy               ? "too many connections wait there"
					: strerror(error));
}

static void try_address(struct http_call *c);

/* No connection to this address: the next one of the name. False: there is none. */
static bool goes_on(struct http_call *c, enum http_end end)
{
	if (end != HTTP_END_CONNECT || !tries_left(&c->tries))
		return false;
	tries_ended(&c->tries, true);
	call_remove(c);
	c->error[0] = '\0';
	try_address(c);
	return true;
}

static bool is_connected(const struct http_call *c)
{
	return c->ours ? exchange_is_connected(&c->exchange) : c->connections > 0 || easy_is_connected(&c->easy);
}

static void no_connection(void *context)
{
	struct http_call *c = context;

	if (is_connected(c) || c->given_up)
		return;
	snprintf(c->error, sizeof c->error, "no connection within %d s", CONNECT_MS / 1000);
	if (!goes_on(c, HTTP_END_CONNECT))
		call_end(c, HTTP_END_CONNECT);
}

static const char cut_short[] = "the answer ends in the middle of what it is compressed to";

static void call_finished(struct http_call *c, CURLcode code)
{
	if (c->given_up) {
		call_free(c);
		return;
	}
	if (goes_on(c, end_from(c, code)))
		return;
	if (code == CURLE_COULDNT_CONNECT && c->options.unix_path)
		tell_unix(c, easy_errno(&c->easy));
	if (c->answer.why) /* libcurl has written words of its own over `error` */
		snprintf(c->error, sizeof c->error, "%s", c->answer.why);
	else if (!c->error[0])
		snprintf(c->error, sizeof c->error, "%s",
			code != CURLE_OK                  ? curl_easy_strerror(code)
			: answer_is_cut_short(&c->answer) ? cut_short
							  : "the answer ended inside its head");
	easy_name_files(c->options.tls, c->error);
	call_end(c, end_from(c, code));
}

static enum http_end end_of(const struct http_call *c, enum exchange_end end)
{
	switch (end) {
	case EXCHANGE_ANSWERED:
		return answer_is_cut_short(&c->answer) ? HTTP_END_CODING : HTTP_END_ANSWER;
	case EXCHANGE_NO_CONNECTION:
		return HTTP_END_CONNECT;
	case EXCHANGE_OVER:
		return c->answer.end ? c->answer.end : HTTP_END_BROKEN;
	case EXCHANGE_RESET:
		return HTTP_END_STREAM;
	case EXCHANGE_BROKEN:
		break;
	}
	return HTTP_END_BROKEN;
}

static void tell_exchange(struct http_call *c, enum exchange_end end, int error, const char *why)
{
	if (c->answer.why || end == EXCHANGE_ANSWERED)
		snprintf(c->error, sizeof c->error, "%s", c->answer.why ? c->answer.why : cut_short);
	else if (end == EXCHANGE_NO_CONNECTION && c->options.unix_path)
		tell_unix(c, error);
	else if (end == EXCHANGE_NO_CONNECTION)
		snprintf(c->error, sizeof c->error, "Failed to connect to %s port %u: %s", c->host, (unsigned)c->port,
			strerror(error));
	else
		snprintf(c->error, sizeof c->error, "%s%s%s", why, error ? ": " : "", error ? strerror(error) : "");
}

static void exchange_ended(void *context, enum exchange_end end, int error, const char *why)
{
	struct http_call *c = context;

	if (c->given_up) {
		call_free(c);
		return;
	}
	if (goes_on(c, end_of(c, end)))
		return;
	tell_exchange(c, end, error, why);
	call_end(c, end_of(c, end));
}

/* Once libcurl has returned. */

static void free_given_up(void *context)
{
	struct http_client *client = context;
	struct http_call *next;

	for (struct http_call *c = client->calls; c; c = next) {
		next = c->next;
		if (c->given_up)
			call_free(c);
	}
}

static void transfer_finished(void *context, CURL *easy, CURLcode code)
{
	struct http_call *c;

	(void)context;
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&c);
	call_finished(c, code);
}

static bool is_http2(CURL *easy)
{
	struct http_call *c = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&c);
	return c && c->options.http2;
}

static void read_on(void *context)
{
	struct http_call *c = context;

	multi_resume(&c->client->multi, c->easy.curl);
}

/* A call's callbacks, inside libcurl. */

static size_t on_read(char *to, size_t size, size_t count, void *context)
{
	struct http_call *c = context;
	uint64_t left = c->options.body_size - c->sent;
	size_t room = size * count, n;

	if (c->given_up)
		return CURL_READFUNC_ABORT;
	if (left == 0)
		return 0;
	n = c->options.read(c->options.context, to, room < left ? room : (size_t)left);
	OXP_ASSERT(n <= room && n <= left);
	c->sent += n;
	return n > 0 && !c->given_up ? n : CURL_READFUNC_ABORT;
}

static int on_seek(void *context, curl_off_t offset, int origin)
{
	struct http_call *c = context;

	if (offset != 0 || origin != SEEK_SET || c->given_up)
		return CURL_SEEKFUNC_FAIL;
	c->sent = 0;
	if (c->options.rewind)
		c->options.rewind(c->options.context);
	return CURL_SEEKFUNC_OK;
}

/* Called each time the request is about to be sent on a connection. */
static int on_connected(void *context, char *remote, char *local, int remote_port, int local_port)
{
	struct http_call *c = context;

	(void)remote, (void)local, (void)remote_port, (void)local_port;
	c->connections++;
	return CURL_PREREQFUNC_OK;
}

/* libcurl reads a chunk's extension, which may be endless, for as long as there is something. So before chunks it takes
 * a break, and begins again with small reads. The last line of the head is given again then; after any other one,
 * libcurl would give all that follow as one. */
static bool waits_for_chunks(struct http_call *c, struct bytes line, unsigned status)
{
	if (!c->answer.in_chunks || c->reads_chunks || line.size > 2 || status < 200)
		return false;
	c->reads_chunks = true;
	easy_read_chunks(&c->easy);
	loop_soon_run(&c->rest);
	return true;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
	struct http_call *c = context;
	struct bytes line = { data, size * count };
	struct answer_head head;

	easy_head(&c->easy, &head);
	if (!c->given_up && waits_for_chunks(c, line, head.status))
		return CURL_WRITEFUNC_PAUSE;
	return answer_header(&c->answer, line, &head, loop_wall(c->client->loop)) ? line.size : 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
	struct http_call *c = context;
	struct bytes piece = { data, size * count };

	switch (answer_piece(&c->answer, piece)) {
	case ANSWER_TAKEN:
		return piece.size;
	case ANSWER_LATER:
		loop_soon_run(&c->rest);
		return CURL_WRITEFUNC_PAUSE;
	case ANSWER_OVER:
		break;
	}
	return 0; /* libcurl says CURLE_WRITE_ERROR */
}

static void on_exchange_again(void *context)
{
	loop_timer_set(&((struct http_call *)context)->connecting, DURATION_MS(CONNECT_MS));
}

static void on_exchange(void *context)
{
	((struct http_call *)context)->connections++;
}

/* Starting. */

static void set_callbacks(struct http_call *c)
{
	CURL *curl = c->easy.curl;

	curl_easy_setopt(curl, CURLOPT_PRIVATE, c);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(curl, CURLOPT_READDATA, c);
	curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(curl, CURLOPT_SEEKDATA, c);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(curl, CURLOPT_PREREQDATA, c);
}

/* Numbers need no resolving; libcurl reads them itself. */
static bool is_number(const char *host)
{
	struct in_addr v4;

	return host[0] == '[' || inet_pton(AF_INET, host, &v4) == 1;
}

static void send_call(struct http_call *c)
{
	if (c->ours)
		exchange_start(&c->exchange, &c->to);
	else
		c->added = multi_add(&c->client->multi, c->easy.curl);
	if (c->ours || c->added)
		loop_timer_set(&c->connecting, DURATION_MS(CONNECT_MS));
	else
		call_fail(c, HTTP_END_CONNECT, "out of memory");
}

static void go_on(void *context)
{
	struct http_call *c = context;

	if (c->failed)
		call_end(c, c->failed);
	else
		send_call(c);
}

static void try_address(struct http_call *c)
{
	char address[TRIES_PIN_MAX];

	tries_next(&c->tries, address);
	if (c->ours)
		link_to_address(&c->to, c->tries.at, c->port);
	else
		easy_pin(&c->easy, address);
	send_call(c);
}

static void on_resolved(void *context, const struct resolved *found)
{
	struct http_call *c = context;

	c->resolving = NULL;
	if (found->failed) {
		call_fail(c, HTTP_END_CONNECT,
			found->failed == -ENOENT ? "unknown host name" : "no answer from a name server");
		return;
	}
	tries_found(&c->tries, found);
	try_address(c);
}

static int resolve_or_send(struct http_call *c)
{
	if (!c->options.unix_path && !is_number(c->host))
		return resolve_start(c->client->resolver,
			&(struct resolve_question){ c->host, c->port, on_resolved, c }, &c->resolving);
	if (c->client->multi.inside)
		loop_soon_run(&c->soon);
	else
		send_call(c);
	return 0;
}

static struct http_call *call_new(struct http_client *client, const struct http_call_options *options)
{
	struct http_call *c = oxp_new(sizeof *c);

	c->client = client;
	c->options = *options;
	answer_init(&c->answer, &client->answers, &c->options);
	loop_timer_init(&c->timer, client->loop, out_of_time, c);
	loop_timer_init(&c->connecting, client->loop, no_connection, c);
	loop_soon_init(&c->soon, client->loop, go_on, c);
	loop_soon_init(&c->rest, client->loop, read_on, c);
	c->next = client->calls;
	c->link = &client->calls;
	if (c->next)
		c->next->link = &c->next;
	client->calls = c;
	return c;
}

/* Whether it needs no name, or is sent where its name leads. */
static bool finds_place(struct http_call *c)
{
	if (c->options.unix_path)
		return link_to_unix(&c->to, c->options.unix_path);
	return !is_number(c->host) || link_to_number(&c->to, c->host, c->port);
}

/* Who carries it. 0 or -errno. */
static int prepare(struct http_call *c)
{
	struct http_client *client = c->client;
	const struct exchange_options o = { &client->links, &client->multi.turn, &c->answer, &c->options,
		on_exchange_again, on_exchange, exchange_ended, c };
	int failed;

	c->ours = c->options.look && finds_place(c) && exchange_init(&c->exchange, &o);
	if (c->ours)
		return 0;
	failed = easy_init(&c->easy, &c->options, client->ca_file);
	if (!failed)
		set_callbacks(c);
	return failed;
}

int http_call_start(struct http_client *client, const struct http_call_options *options, struct http_call **ret)
{
	struct http_call *c = call_new(client, options);
	int failed;

	OXP_ASSERT(!options->body_size || (options->read && options->rewind));
	OXP_ASSERT(!options->look == !options->took);
	failed = easy_read_url(options->url, &c->host, &c->port);
	tries_init(&c->tries, client->addresses, c->host, c->port);
	if (!failed)
		failed = prepare(c);
	if (!failed)
		failed = resolve_or_send(c);
	if (failed) {
		call_free(c);
		return failed;
	}
	loop_timer_set(&c->timer, options->timeout);
	*ret = c;
	return 0;
}

void http_call_cancel(struct http_call *c)
{
	if (!c)
		return;
	tries_ended(&c->tries, true); /* a caller that stopped the call got no answer */
	if (!c->client->multi.inside && !c->exchange.inside) {
		call_free(c);
		return;
	}
	c->given_up = true;
	answer_give_up(&c->answer);
	loop_timer_clear(&c->timer);
	loop_timer_clear(&c->connecting);
}

/* The client. */

int http_client_new(struct loop *loop, const struct http_client_options *options, struct http_client **ret)
{
	struct http_client *client = oxp_new(sizeof *client);
	int failed = 0;

	client->loop = loop;
	client->resolver = options->resolver;
	client->ca_file = options->ca_file ? oxp_strdup(options->ca_file) : NULL;
	client->addresses = addresses_new();
	client->own_resolver = !options->resolver;
	if (client->own_resolver)
		failed = resolver_new(loop, &client->resolver);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (!failed)
		failed = multi_init(&client->multi, &(struct multi_options){ loop, options->connections_max,
							    free_given_up, transfer_finished, is_http2, client });
	if (failed) {
		http_client_free(client);
		return failed;
	}
	links_init(&client->links, loop, options->connections_max);
	client->answers.turn = &client->multi.turn;
	*ret = client;
	return 0;
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	while (client->calls)
		call_free(client->calls);
	multi_done(&client->multi);
	links_done(&client->links);
	curl_global_cleanup();
	if (client->own_resolver)
		resolver_free(client->resolver);
	addresses_free(client->addresses);
	free(client->ca_file);
	free(client);
}
