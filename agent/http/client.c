/*
 * libcurl says through two callbacks which sockets to watch and when to call it; curl_multi_socket_action() does the
 * rest. The callbacks of a call run inside libcurl, where no call may be removed or started. If a user does either
 * there, it is noted (`given_up`) and done once libcurl has returned. done() is only called from outside libcurl.
 */
#include "http/client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/text.h"
#include "http/addresses.h"
#include "http/codings.h"
#include "http/unpack.h"

enum {
	UPLOAD_MIN = 16 << 10,
	UPLOAD_MAX = 512 << 10,
	READ_SIZE = 4 << 10, /* a hundred of these are read at a time where no callback can stop it: chunk extensions */
	PIN_MAX = INET6_ADDRSTRLEN + 16,
	CONNECT_MS = 2000, /* to one address: a first packet that is lost comes again after a second */
	SECONDS_MAX = 365 * 86400,
	COLLECTED_MAX = 4 << 20, /* of answers that are kept whole, all calls together; one alone has its answer_max */
	REFUSAL_MAX = 64 << 10, /* kept of an answer that is not 2xx, for a call that takes pieces */
	TURN_US = 300, /* of one callback; what has come beyond that is for the next, piece by piece (16 KiB) */
	/* A compressed answer may unpack to this many bytes, and to this many times its size, within answer_max. */
	UNPACKED_FREE = 2 << 20,
	UNPACKED_AT_ONCE = 16 << 10,
	UNPACKED_TIMES = 256,
};

struct http_client {
	struct loop *loop;
	CURLM *multi;
	struct resolver *resolver;
	struct addresses *addresses;
	bool own_resolver, in_curl;
	char *ca_file;
	struct http_call *calls;
	size_t collected; /* the sum of the calls' bodies */
	struct mono_time turn; /* when libcurl had its turn last */
	char unpacked[UNPACKED_AT_ONCE]; /* the piece of a coded answer that is being taken */
	struct loop_timer timer;
	struct loop_soon soon;
};

/*
 * Invariant: listed from start to end. Either `resolving`, or added to the multi (`added`), or waiting for `soon`: to
 * be added, or to be told of a failure (`failed` set).
 */
struct http_call {
	struct http_client *client;
	struct http_call *next, **link;
	struct http_call_options options;
	CURL *easy;
	struct curl_slist *headers, *pin;
	struct resolve *resolving;
	struct resolved found; /* of a name; count 0: none was asked */
	const struct sockaddr_storage *at; /* the one of them that is tried; NULL: none */
	size_t tried; /* of them, in this call */
	struct loop_timer timer, connecting;
	struct loop_soon soon, rest; /* rest: of an answer that was put off is read on */
	struct buffer body;
	char *host;
	uint16_t port;
	uint64_t sent;
	size_t answered, head_size;
	int64_t retry_after_ms;
	enum http_end failed;
	const char *why; /* it was stopped; libcurl writes words of its own over `error` then */
	unsigned connections; /* on which it was sent */
	bool added, given_up, head_only, head_told, busy;
	struct codings codings;
	struct unpack *unpack; /* NULL: the answer comes as it is, or nothing of it has come */
	size_t came; /* of a coded answer */
	size_t used; /* of the piece that was put off last */
	char error[CURL_ERROR_SIZE];
};

/* Ends. */

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
	if (c->added)
		curl_multi_remove_handle(c->client->multi, c->easy);
	if (c->easy)
		curl_easy_cleanup(c->easy);
	curl_slist_free_all(c->headers);
	curl_slist_free_all(c->pin);
	c->client->collected -= c->body.size;
	buffer_done(&c->body);
	unpack_free(c->unpack);
	free(c->host);
	free(c);
}

static unsigned call_status(const struct http_call *c)
{
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	return (unsigned)status;
}

static const char *call_content_type(const struct http_call *c)
{
	const char *type = NULL;

	curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
	return type ? type : "";
}

/* What this end says about the address that was asked. */
static void note_address(struct http_call *c, enum http_end end, unsigned status)
{
	bool out = end == HTTP_END_CONNECT || end == HTTP_END_BROKEN || end == HTTP_END_TIMEOUT ||
		   (status >= 502 && status <= 504);

	if (!c->at)
		return;
	(out ? addresses_failed : addresses_answered)(c->client->addresses, c->host, c->port, c->at);
	c->at = NULL;
}

/* Tells and forgets. The call is freed after done(), since the reply points into it. */
static void call_end(struct http_call *c, enum http_end end)
{
	struct http_reply reply = {
		.end = end,
		.status = call_status(c),
		.error = end == HTTP_END_ANSWER ? "" : c->error,
		.body = buffer_bytes(&c->body),
		.content_type = call_content_type(c),
		.retry_after_ms = c->retry_after_ms,
		.resent = c->connections > 1,
		.busy = c->busy,
	};

	note_address(c, end, reply.status);
	if (end == HTTP_END_CONNECT && c->host)
		resolver_forget(c->client->resolver, c->host);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->link = NULL;
	if (c->added)
		curl_multi_remove_handle(c->client->multi, c->easy);
	c->added = false;
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

static bool is_cut_short(const struct http_call *c)
{
	return c->unpack && !unpack_is_whole(c->unpack);
}

static enum http_end end_from(const struct http_call *c, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		/* A connection closed within the head is well to libcurl. */
		return !c->head_told ? HTTP_END_BROKEN : is_cut_short(c) ? HTTP_END_CODING : HTTP_END_ANSWER;
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
		return c->failed ? c->failed : HTTP_END_BROKEN;
	default:
		return c->connections ? HTTP_END_BROKEN : HTTP_END_CONNECT;
	}
}

/* Used instead of libcurl's words, which name the host of the URL: localhost, port 80, although the call goes to a Unix
 * socket. */
static void tell_unix(struct http_call *c)
{
	long error = 0;

	curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &error);
	c->busy = error == 0 || error == EAGAIN; /* to libcurl, EAGAIN is a connection that is on its way */
	snprintf(c->error, sizeof c->error, "%s",
		error == ENOENT         ? "no such socket"
		: error == ECONNREFUSED ? "nothing listens on it"
		: c->busy               ? "too many connections wait there"
					: strerror((int)error));
}

static void try_address(struct http_call *c);

/* No connection to this address: the next one of the name. False: there is none. */
static bool goes_on(struct http_call *c, enum http_end end)
{
	if (end != HTTP_END_CONNECT || c->tried >= c->found.count)
		return false;
	note_address(c, end, 0);
	if (c->added)
		curl_multi_remove_handle(c->client->multi, c->easy);
	c->added = false;
	c->error[0] = '\0';
	try_address(c);
	return true;
}

static void no_connection(void *context)
{
	struct http_call *c = context;
	curl_off_t connected = 0;

	curl_easy_getinfo(c->easy, CURLINFO_CONNECT_TIME_T, &connected);
	if (c->connections > 0 || connected > 0 || c->given_up)
		return;
	snprintf(c->error, sizeof c->error, "no connection within %d s", CONNECT_MS / 1000);
	if (!goes_on(c, HTTP_END_CONNECT))
		call_end(c, HTTP_END_CONNECT);
}

static void call_finished(struct http_call *c, CURLcode code)
{
	if (c->given_up) {
		call_free(c);
		return;
	}
	if (goes_on(c, end_from(c, code)))
		return;
	if (code == CURLE_COULDNT_CONNECT && c->options.unix_path)
		tell_unix(c);
	if (c->why)
		snprintf(c->error, sizeof c->error, "%s", c->why);
	else if (!c->error[0])
		snprintf(c->error, sizeof c->error, "%s",
			code != CURLE_OK  ? curl_easy_strerror(code)
			: is_cut_short(c) ? "the answer ends in the middle of what it is compressed to"
					  : "the answer ended inside its head");
	call_end(c, end_from(c, code));
}

/* libcurl's turn. */

static void free_given_up(struct http_client *client)
{
	struct http_call *next;

	for (struct http_call *c = client->calls; c; c = next) {
		next = c->next;
		if (c->given_up)
			call_free(c);
	}
}

/* One finished call a turn: its done() may cost something. */
static void finish_one(struct http_client *client)
{
	struct http_call *c;
	CURLMsg *message;
	int left = 0;

	message = curl_multi_info_read(client->multi, &left);
	if (!message || message->msg != CURLMSG_DONE)
		return;
	if (left > 0)
		loop_soon_run(&client->soon);
	curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&c);
	call_finished(c, message->data.result);
}

static void begin_turn(struct http_client *client)
{
	const struct clock *clock = loop_clock(client->loop);

	client->in_curl = true;
	client->turn = clock->mono(clock);
}

static bool turn_is_over(const struct http_client *client)
{
	const struct clock *clock = loop_clock(client->loop);

	return mono_since(clock->mono(clock), client->turn).ns > TURN_US * 1000;
}

static void act(struct http_client *client, curl_socket_t fd, int what)
{
	int running;

	begin_turn(client);
	curl_multi_socket_action(client->multi, fd, what, &running);
	client->in_curl = false;
	free_given_up(client);
	finish_one(client);
}

static void socket_ready(void *context, int fd, unsigned what)
{
	act(context, fd, (what & WATCH_READ ? CURL_CSELECT_IN : 0) | (what & WATCH_WRITE ? CURL_CSELECT_OUT : 0));
}

static void timer_due(void *context)
{
	act(context, CURL_SOCKET_TIMEOUT, 0);
}

/* Messages that were left by finish_one(). */
static void more_finished(void *context)
{
	finish_one(context);
}

/* What was put off comes now, within curl_easy_pause(), whose failure libcurl does not tell again. */
static void read_on(void *context)
{
	struct http_call *c = context;
	struct http_client *client = c->client;
	CURLcode code;

	begin_turn(client);
	code = curl_easy_pause(c->easy, CURLPAUSE_CONT);
	client->in_curl = false;
	if (code != CURLE_OK)
		call_finished(c, code);
	free_given_up(client);
	finish_one(client);
}

static int on_timer(CURLM *multi, long ms, void *context)
{
	struct http_client *client = context;

	(void)multi;
	if (ms < 0)
		loop_timer_clear(&client->timer);
	else
		loop_timer_set(&client->timer, DURATION_MS(ms));
	return 0;
}

static struct loop_watch *watch_new(struct http_client *client, curl_socket_t fd)
{
	struct loop_watch *watch = oxp_new(sizeof *watch);

	loop_watch_init(watch, client->loop, fd, socket_ready, client);
	curl_multi_assign(client->multi, fd, watch);
	return watch;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
	struct loop_watch *watch = socket_context;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watch)
			loop_watch_done(watch);
		free(watch);
		return 0;
	}
	if (!watch)
		watch = watch_new(context, fd);
	loop_watch_set(watch, (what & CURL_POLL_IN ? WATCH_READ : 0) | (what & CURL_POLL_OUT ? WATCH_WRITE : 0));
	return 0;
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

static bool name_is(struct bytes line, const char *name)
{
	return line.size > strlen(name) && strncasecmp(line.data, name, strlen(name)) == 0;
}

/* Seconds or an HTTP-date (RFC 9110, 10.2.3). */
static void read_retry_after(struct http_call *c, struct bytes value)
{
	char text[64];
	uint64_t seconds;
	time_t when;

	if (value.size == 0 || value.size >= sizeof text)
		return;
	memcpy(text, value.data, value.size);
	text[value.size] = '\0';
	if (u64_parse(value, &seconds)) {
		c->retry_after_ms = (int64_t)(seconds < SECONDS_MAX ? seconds : SECONDS_MAX) * 1000;
	} else if ((when = curl_getdate(text, NULL)) >= 0) {
		int64_t left = (int64_t)when - loop_wall(c->client->loop).ns / 1000000000;
		left = left < SECONDS_MAX ? left : SECONDS_MAX;
		c->retry_after_ms = left > 0 ? left * 1000 : 0;
	}
}

static void tell_head(struct http_call *c)
{
	if (c->head_told)
		return;
	c->head_told = true;
	if (c->options.head)
		c->options.head(c->options.context, call_status(c), call_content_type(c));
}

/* Stops the transfer; libcurl says CURLE_WRITE_ERROR. */
static size_t stop(struct http_call *c, enum http_end why, const char *error)
{
	c->failed = why;
	c->why = error;
	return 0;
}

/* The value of that line of the head. */
static struct bytes value_of(struct bytes line, const char *name)
{
	struct bytes value = { line.data + strlen(name), line.size - strlen(name) };

	while (value.size > 0 && (unsigned char)value.data[value.size - 1] <= ' ')
		value.size--;
	return bytes_trimmed(value);
}

/* Chunks are all that is asked for (RFC 9112, 7.4). libcurl undoes other codings unasked, up to five within one
 * another: a thousand bytes, thrice packed, keep it busy in one call for as long as their sender likes. */
static bool is_coded(struct bytes line)
{
	static const char name[] = "Transfer-Encoding:";
	struct bytes value;

	if (!name_is(line, name))
		return false;
	value = value_of(line, name);
	return !bytes_same_word(value, bytes_of("chunked")) && !bytes_same_word(value, bytes_of("identity"));
}

static bool has_no_body(const struct http_call *c)
{
	unsigned status = call_status(c);
	curl_off_t size = -1;

	curl_easy_getinfo(c->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
	return size == 0 || status == 204 || status == 304 || c->head_only;
}

/* False: no more of the answer is wanted. */
static bool head_ended(struct http_call *c)
{
	const char *why = has_no_body(c) ? NULL : codings_why_not(&c->codings);

	tell_head(c);
	if (why)
		stop(c, HTTP_END_CODING, why);
	return !why && !c->given_up;
}

/* A line of the head; the empty one ends it. A head of status 1xx is followed by another. */
static size_t on_header(char *data, size_t size, size_t count, void *context)
{
	struct http_call *c = context;
	struct bytes line = { data, size * count };

	c->head_size += line.size;
	if (c->given_up)
		return 0;
	if (c->head_size > HTTP_ANSWER_HEAD_MAX)
		return stop(c, HTTP_END_BROKEN, "the head of the answer is larger than allowed");
	if (name_is(line, "Retry-After:"))
		read_retry_after(c, value_of(line, "Retry-After:"));
	if (name_is(line, "Content-Encoding:"))
		codings_note(&c->codings, value_of(line, "Content-Encoding:"));
	if (is_coded(line))
		return stop(c, HTTP_END_BROKEN, "the answer is in a coding that was not asked for");
	if (line.size > 2 && line.data[0] == '\r') /* to libcurl it is the end of the head */
		return stop(c, HTTP_END_BROKEN, "the head of the answer is no HTTP");
	if (line.size <= 2 && call_status(c) >= 200)
		return head_ended(c) ? line.size : 0;
	return line.size;
}

static bool collect(struct http_call *c, struct bytes piece)
{
	size_t room = c->options.piece ? REFUSAL_MAX - c->body.size : piece.size;
	size_t size = piece.size < room ? piece.size : room, *all = &c->client->collected;

	if (*all > c->body.size && *all + size > COLLECTED_MAX)
		return stop(c, HTTP_END_NO_ROOM, "too many large answers at a time");
	if (buffer_append(&c->body, piece.data, size) < 0)
		return stop(c, HTTP_END_TOO_LARGE, "no memory for the answer");
	*all += size;
	return true;
}

/* False: the call is stopped. */
static bool take(struct http_call *c, struct bytes piece)
{
	if (piece.size > c->options.answer_max - c->answered) {
		stop(c, HTTP_END_TOO_LARGE, "the answer is larger than allowed");
		return false;
	}
	c->answered += piece.size;
	if (!c->options.piece || call_status(c) / 100 != 2)
		return collect(c, piece);
	if (c->options.piece(c->options.context, piece))
		return !c->given_up;
	stop(c, HTTP_END_STOPPED, "stopped");
	return false;
}

/* The next piece of what the answer unpacks to. False: the call is stopped. */
static bool take_unpacked(struct http_call *c, struct bytes *in, size_t *ret_size)
{
	char *to = c->client->unpacked;
	int failed;

	if (!c->unpack)
		c->unpack = unpack_new(c->codings.deflate);
	failed = unpack_next(c->unpack, in, to, UNPACKED_AT_ONCE, ret_size);
	if (failed == -ENOMEM)
		stop(c, HTTP_END_NO_ROOM, "no memory to unpack the answer");
	else if (failed)
		stop(c, HTTP_END_CODING, "the answer is not in the coding that its head names, or damaged");
	else if (c->answered + *ret_size > UNPACKED_FREE + UNPACKED_TIMES * c->came)
		stop(c, HTTP_END_TOO_LARGE, "the answer unpacks to more than allowed");
	return !c->failed && (*ret_size == 0 || take(c, (struct bytes){ to, *ret_size }));
}

/* libcurl reads on as long as there is something, up to a hundred times. What is put off it gives again, from its
 * start. */
static size_t put_off(struct http_call *c)
{
	loop_soon_run(&c->rest);
	return CURL_WRITEFUNC_PAUSE;
}

/* A few bytes may unpack to many, for which libcurl would take no break. */
static size_t on_coded(struct http_call *c, struct bytes piece)
{
	struct bytes in = { piece.data + c->used, piece.size - c->used };
	size_t size = UNPACKED_AT_ONCE;

	c->came += in.size;
	while (in.size > 0 || size == UNPACKED_AT_ONCE) {
		if (turn_is_over(c->client)) {
			c->came -= in.size;
			c->used = piece.size - in.size;
			return put_off(c);
		}
		if (!take_unpacked(c, &in, &size))
			return 0;
	}
	c->used = 0;
	return piece.size;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
	struct http_call *c = context;
	struct bytes piece = { data, size * count };

	if (c->given_up)
		return 0;
	if (c->codings.count > 0)
		return on_coded(c, piece);
	if (turn_is_over(c->client))
		return put_off(c);
	return take(c, piece) ? piece.size : 0;
}

/* Starting. */

static bool add_header(struct http_call *c, const char *header)
{
	struct curl_slist *longer = curl_slist_append(c->headers, header);

	if (longer)
		c->headers = longer;
	return longer;
}

/* `Expect:` without a value keeps libcurl from waiting a second for "100 Continue". */
static int set_headers(struct http_call *c)
{
	if (!add_header(c, "Expect:") || !add_header(c, "Accept-Encoding: identity"))
		return -ENOMEM;
	for (const char *const *header = c->options.headers; header && *header; header++)
		if (!add_header(c, *header))
			return -ENOMEM;
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
	return 0;
}

static bool has_body(const struct http_call_options *o)
{
	return o->body_size > 0 || strcmp(o->method, "POST") == 0 || strcmp(o->method, "PUT") == 0;
}

static void set_body(struct http_call *c)
{
	uint64_t size = c->options.body_size;

	if (!has_body(&c->options))
		return;
	curl_easy_setopt(c->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
	curl_easy_setopt(c->easy, CURLOPT_UPLOAD_BUFFERSIZE,
		size < UPLOAD_MIN   ? (long)UPLOAD_MIN
		: size > UPLOAD_MAX ? (long)UPLOAD_MAX
				    : (long)size);
	curl_easy_setopt(c->easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(c->easy, CURLOPT_READDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(c->easy, CURLOPT_SEEKDATA, c);
}

static void set_callbacks(struct http_call *c)
{
	curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->error);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(c->easy, CURLOPT_PREREQDATA, c);
}

/* The timeouts are the loop's; libcurl's own would end a long connecting at 300 s. */
static void set_policy(CURL *easy, const char *ca_file)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)READ_SIZE);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "oxpecker/" OXP_VERSION);
	if (ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
}

static void set_target(struct http_call *c)
{
	const struct http_call_options *o = &c->options;

	curl_easy_setopt(c->easy, CURLOPT_URL, o->url);
	if (o->unix_path)
		curl_easy_setopt(c->easy, CURLOPT_UNIX_SOCKET_PATH, o->unix_path);
	c->head_only = strcmp(o->method, "HEAD") == 0;
	if (c->head_only)
		curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
	else if (strcmp(o->method, "GET") != 0)
		curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, o->method);
	if (o->user_password) {
		curl_easy_setopt(c->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(c->easy, CURLOPT_USERPWD, o->user_password);
	}
}

static void set_tls(CURL *easy, const struct http_tls *tls)
{
	if (tls->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, tls->ca_file);
		curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L); /* it would be kept for a day */
	}
	if (tls->cert_file)
		curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->cert_file);
	if (tls->key_file)
		curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->key_file);
	if (tls->trust_anyone) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

/* A group of 8,192 bits, which the peer would choose, keeps OpenSSL busy for a second in one call. */
static void set_key_exchange(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_SSL_CIPHER_LIST, "DEFAULT:!DHE");
	curl_easy_setopt(easy, CURLOPT_SSL_EC_CURVES, "X25519:P-256:P-384:P-521");
}

static int set_all(struct http_call *c)
{
	c->easy = curl_easy_init();
	if (!c->easy)
		return -ENOMEM;
	set_policy(c->easy, c->client->ca_file);
	set_key_exchange(c->easy);
	if (c->options.tls)
		set_tls(c->easy, c->options.tls);
	set_target(c);
	set_callbacks(c);
	set_body(c);
	return set_headers(c);
}

/* Host (without brackets) and port of an http or https URL. */
static int read_url(struct http_call *c, const char *url)
{
	CURLU *parts = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL;
	uint64_t number;
	int failed = -EINVAL;

	if (!parts)
		return -ENOMEM;
	if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		(strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) && u64_parse(bytes_of(port), &number)) {
		c->host = oxp_strdup(host);
		c->port = (uint16_t)number;
		failed = 0;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(parts);
	return failed;
}

/* Numbers need no resolving; libcurl reads them itself. */
static bool is_number(const char *host)
{
	struct in_addr v4;

	return host[0] == '[' || inet_pton(AF_INET, host, &v4) == 1;
}

static void send_call(struct http_call *c)
{
	if (curl_multi_add_handle(c->client->multi, c->easy) == CURLM_OK) {
		c->added = true;
		loop_timer_set(&c->connecting, DURATION_MS(CONNECT_MS));
	} else {
		call_fail(c, HTTP_END_CONNECT, "out of memory");
	}
}

static void go_on(void *context)
{
	struct http_call *c = context;

	if (c->failed)
		call_end(c, c->failed);
	else
		send_call(c);
}

static size_t address_write(const struct sockaddr_storage *a, char *to, size_t room)
{
	bool v4 = a->ss_family == AF_INET;
	char digits[INET6_ADDRSTRLEN];

	if (v4)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, digits, sizeof digits);
	else
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)a)->sin6_addr, digits, sizeof digits);
	return (size_t)snprintf(to, room, v4 ? "%s" : "[%s]", digits);
}

/* Tells libcurl to connect to the next address instead of the name: "::address:port" is for any host and port.
 * Connections are kept for each address. */
static void try_address(struct http_call *c)
{
	char text[PIN_MAX] = "::";
	size_t used = 2;

	c->at = addresses_pick(c->client->addresses, c->host, c->port, &c->found);
	c->tried++;
	used += address_write(c->at, text + used, PIN_MAX - used);
	snprintf(text + used, PIN_MAX - used, ":%u", (unsigned)c->port);
	curl_slist_free_all(c->pin);
	c->pin = curl_slist_append(NULL, text);
	curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, c->pin);
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
	c->found = *found;
	try_address(c);
}

static int resolve_or_send(struct http_call *c)
{
	if (!c->options.unix_path && !is_number(c->host))
		return resolve_start(c->client->resolver,
			&(struct resolve_question){ c->host, c->port, on_resolved, c }, &c->resolving);
	if (c->client->in_curl)
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
	c->retry_after_ms = -1;
	buffer_init(&c->body, options->answer_max);
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

int http_call_start(struct http_client *client, const struct http_call_options *options, struct http_call **ret)
{
	struct http_call *c = call_new(client, options);
	int failed;

	OXP_ASSERT(!options->body_size || (options->read && options->rewind));
	failed = read_url(c, options->url);
	if (!failed)
		failed = set_all(c);
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
	note_address(c, HTTP_END_TIMEOUT, 0); /* a caller that stopped the call got no answer */
	if (!c->client->in_curl) {
		call_free(c);
		return;
	}
	c->given_up = true;
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
	loop_timer_init(&client->timer, loop, timer_due, client);
	loop_soon_init(&client->soon, loop, more_finished, client);
	client->addresses = addresses_new();
	client->own_resolver = !options->resolver;
	if (client->own_resolver)
		failed = resolver_new(loop, &client->resolver);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	client->multi = curl_multi_init();
	if (failed || !client->multi) {
		http_client_free(client);
		return failed ? failed : -ENOMEM;
	}
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)options->connections_max);
	*ret = client;
	return 0;
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	while (client->calls)
		call_free(client->calls);
	if (client->multi)
		curl_multi_cleanup(client->multi);
	curl_global_cleanup();
	loop_timer_done(&client->timer);
	loop_soon_done(&client->soon);
	if (client->own_resolver)
		resolver_free(client->resolver);
	addresses_free(client->addresses);
	free(client->ca_file);
	free(client);
}
