/*
 * libmicrohttpd has no thread and no socket of ours to wait on but its epoll descriptor: each shard's is watched by the
 * loop, and MHD_run() does what is ready. What it asks to be called for later becomes a timer of the shard, moved only
 * when it comes nearer, since it would otherwise be moved at every request.
 *
 * A handler that has not answered when its request is complete leaves the connection suspended. Resuming wakes nobody
 * here, so http_respond() runs the shard soon after.
 */
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "http/linger.h"
#include "http/listen.h"

enum { SHARD_MIN = 4, SHARD_MAX = 16, SHARDS_WANTED = 8, ADDRESSES_MAX = 16, SWEEP_MS = 500 };
enum { ALLOW_SIZE = 64, REST_MS = 100 };

/* Where a connection stands; from `since` on its patience is counted. */
enum phase {
	PHASE_HEAD,	/* the peer's turn: idle, or sending a head */
	PHASE_BODY,	/* the peer's turn: sending the body */
	PHASE_HANDLER,	/* our turn: waiting for http_respond() */
	PHASE_ANSWER,	/* the peer's turn: taking the answer */
	PHASE_OVER,	/* cut off */
};

/*
 * A request lives in its connection, which has one at a time.
 *
 * Invariant: live from begin to the answer's end or its loss; `answer` is set by http_respond() and handed to
 * libmicrohttpd at the end of the body; suspended only while live and without an answer handed over.
 */
struct http_request {
	struct MHD_Connection *connection;
	const struct http_route *route;	/* NULL when there was none for it */
	const char *path;
	void *context;
	struct MHD_Response *answer;
	unsigned status;
	enum http_method method;
	int64_t content_length;
	size_t received, answer_size;
	bool live, complete, responded, suspended;
};

struct connection {
	struct http_server *server;
	struct shard *shard;
	struct connection *next, **link;
	struct http_request request;
	enum phase phase;
	struct mono_time since;
	size_t moving;		/* bytes of this phase, for the rate */
	int fd;
};

struct shard {
	struct http_server *server;
	struct shard *next;
	struct MHD_Daemon *daemon;
	struct loop_watch watch;
	struct loop_timer timer;
	struct loop_soon soon;
	size_t connections, room;
};

struct http_server {
	struct loop *loop;
	struct http_server_options options;
	const struct http_route *routes;
	struct shard *shards;
	struct connection *connections;
	struct lingers lingers;
	struct loop_timer sweep;
	struct listening listening[ADDRESSES_MAX];
	size_t addresses;
	struct http_server_totals totals;
	bool quiesced, ending;
	bool starved;		/* the run under way found no descriptor for a connection */
};

/* Phases and patience. */

static void enter(struct connection *c, enum phase phase, size_t moving)
{
	c->phase = phase;
	c->since = loop_now(c->server->loop);
	c->moving = moving;
}

static bool out_of_patience(const struct connection *c)
{
	struct duration spent = mono_since(loop_now(c->server->loop), c->since);
	double allowed = 2 * duration_seconds(c->server->options.idle) + (double)c->moving / HTTP_RATE_MIN;

	return c->phase != PHASE_HANDLER && c->phase != PHASE_OVER && duration_seconds(spent) > allowed;
}

/* An answer past libmicrohttpd, which takes none in the middle of a body. Nothing of another answer is on its way
 * then. */
static void send_raw(int fd, unsigned status, const char *reason)
{
	char text[256];
	int n = snprintf(text, sizeof text,
			 "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Type: text/plain\r\n"
			 "Content-Length: %zu\r\n\r\n%s\n",
			 status, reason, strlen(reason) + 1, reason);

	if (send(fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;	/* the peer is gone, or takes nothing: it is closed in any case */
}

/* libmicrohttpd sees the end of the stream, closes and tells us. */
static void cut_off(struct connection *c)
{
	c->server->totals.timeouts++;
	if (c->phase != PHASE_ANSWER)
		send_raw(c->fd, 408, "Request Timeout");
	shutdown(c->fd, SHUT_RDWR);
	enter(c, PHASE_OVER, 0);
}

/* A stream that had ended when its last bytes were read gives no edge any more, and libmicrohttpd waits for one. */
static bool left_unseen(const struct connection *c)
{
	bool reading = c->phase == PHASE_HEAD || c->phase == PHASE_BODY;
	char byte;

	return reading && mono_since(loop_now(c->server->loop), c->since).ns > DURATION_MS(SWEEP_MS).ns &&
	       recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void sweep(void *context)
{
	struct http_server *s = context;

	for (struct connection *c = s->connections; c; c = c->next)
		if (out_of_patience(c)) {
			cut_off(c);
		} else if (left_unseen(c)) {
			shutdown(c->fd, SHUT_RDWR);
			enter(c, PHASE_OVER, 0);
		}
	if (s->connections)
		loop_timer_set(&s->sweep, DURATION_MS(SWEEP_MS));
}

/* Requests. */

static struct connection *connection_of(struct http_request *r)
{
	return CONTAINER_OF(r, struct connection, request);
}

static struct connection *connection_from(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static enum http_method method_from(const char *name)
{
	static const char *const names[] = { [HTTP_GET] = "GET",	[HTTP_POST] = "POST", [HTTP_PUT] = "PUT",
					     [HTTP_DELETE] = "DELETE", [HTTP_HEAD] = "HEAD" };
	unsigned i = 0;

	while (i < COUNT_OF(names) && strcmp(names[i], name) != 0)
		i++;
	return i < COUNT_OF(names) ? (enum http_method)i : HTTP_METHOD_OTHER;
}

static bool serves(const struct http_route *route, enum http_method method)
{
	return route->method == method || (route->method == HTTP_GET && method == HTTP_HEAD);
}

static const char *method_names(const struct http_route *route)
{
	static const char *const names[] = { [HTTP_GET] = "GET, HEAD",   [HTTP_POST] = "POST", [HTTP_PUT] = "PUT",
					     [HTTP_DELETE] = "DELETE", [HTTP_HEAD] = "HEAD" };

	return route->method < HTTP_METHOD_OTHER ? names[route->method] : "";
}

/* 404, or 405 with the methods that the path has. */
static void respond_unrouted(struct http_server *s, struct http_request *r)
{
	char allow[ALLOW_SIZE] = "";
	const char *headers[] = { "Allow", allow, NULL };
	size_t used = 0;

	for (const struct http_route *route = s->routes; route->path; route++)
		if (strcmp(route->path, r->path) == 0 && used < sizeof allow)
			used += (size_t)snprintf(allow + used, sizeof allow - used, "%s%s", used ? ", " : "",
						 method_names(route));
	if (used > 0)
		http_respond(r, &(struct http_answer){ .status = 405,
						       .content_type = "text/plain",
						       .headers = headers,
						       .constant = bytes_of("method not allowed\n") });
	else
		http_respond_text(r, 404, "text/plain", "not found\n");
}

/* What the head says about the body's length. */
struct framing {
	unsigned lengths, codings;
	const char *length, *coding;
};

static enum MHD_Result framing_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct framing *f = context;

	(void)kind;
	if (strcasecmp(name, "Content-Length") == 0) {
		f->lengths++;
		f->length = value;
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		f->codings++;
		f->coding = value;
	}
	return MHD_YES;
}

/* Two lengths, chunked and a length, or a length that is no number, is how requests are smuggled. False: refused. */
static bool framing_read(struct http_request *r)
{
	struct framing f = { 0 };
	uint64_t length = 0;

	MHD_get_connection_values(r->connection, MHD_HEADER_KIND, framing_header, &f);
	if (f.lengths + f.codings > 1 || (f.coding && strcasecmp(f.coding, "chunked") != 0))
		return false;
	if (f.length && (!u64_parse(bytes_of(f.length), &length) || length > INT64_MAX))
		return false;
	r->content_length = f.coding ? -1 : (int64_t)length;
	return true;
}

/* The request will not be answered by its handler. */
static void request_lost(struct http_request *r)
{
	struct http_server *s = connection_of(r)->server;

	if (!r->live)
		return;
	r->live = false;
	if (r->responded)
		return;
	s->totals.open--;
	if (r->route && r->route->gone)
		r->route->gone(r->route->context, r);
}

static void request_end(struct http_request *r)
{
	request_lost(r);
	if (r->answer)
		MHD_destroy_response(r->answer);
	r->answer = NULL;
	enter(connection_of(r), PHASE_HEAD, 0);
}

/* Ends request and connection with an answer of ours. */
static enum MHD_Result refuse(struct http_request *r, unsigned status, const char *reason)
{
	struct connection *c = connection_of(r);

	request_lost(r);
	send_raw(c->fd, status, reason);
	linger_start(&c->server->lingers, c->fd);
	return MHD_NO;
}

static enum MHD_Result refuse_size(struct http_request *r)
{
	connection_of(r)->server->totals.refused_size++;
	return refuse(r, 413, "Content Too Large");
}

static void route_request(struct http_server *s, struct http_request *r)
{
	for (const struct http_route *route = s->routes; route->path && !r->route; route++)
		if (serves(route, r->method) && strcmp(route->path, r->path) == 0)
			r->route = route;
	if (!r->route)
		respond_unrouted(s, r);
	else if (r->route->begin)
		r->route->begin(r->route->context, r);
}

static enum MHD_Result request_begin(struct connection *c, const char *path, const char *method)
{
	struct http_server *s = c->server;
	struct http_request *r = &c->request;

	*r = (struct http_request){ .connection = r->connection, .path = path, .live = true };
	enter(c, PHASE_BODY, 0);
	s->totals.requests++;
	s->totals.open++;
	if (!framing_read(r)) {
		s->totals.bad_requests++;
		return refuse(r, 400, "Bad Request");
	}
	if (r->content_length > 0 && (uint64_t)r->content_length > s->options.body_max)
		return refuse_size(r);
	r->method = method_from(method);
	route_request(s, r);
	return MHD_YES;
}

static enum MHD_Result request_piece(struct connection *c, const char *data, size_t size)
{
	struct http_request *r = &c->request;

	c->server->totals.body_bytes += size;
	c->moving += size;
	if (size > c->server->options.body_max - r->received)
		return refuse_size(r);
	r->received += size;
	if (!r->responded && r->route && r->route->body)
		r->route->body(r->route->context, r, (struct bytes){ data, size });
	return MHD_YES;
}

static enum MHD_Result hand_over(struct http_request *r)
{
	struct MHD_Response *answer = r->answer;
	enum MHD_Result result;

	r->answer = NULL;
	enter(connection_of(r), PHASE_ANSWER, r->answer_size);
	result = MHD_queue_response(r->connection, r->status, answer);
	MHD_destroy_response(answer);
	return result;
}

/* Called at the end of the body, and again after a suspension. */
static enum MHD_Result request_complete(struct connection *c)
{
	struct http_request *r = &c->request;
	bool first = !r->complete;

	if (c->server->ending)
		return MHD_NO;
	r->complete = true;
	if (first && !r->responded) {
		enter(c, PHASE_HANDLER, 0);
		r->route->complete(r->route->context, r);
	}
	if (r->answer)
		return hand_over(r);
	r->suspended = true;
	MHD_suspend_connection(r->connection);
	return MHD_YES;
}

/* libmicrohttpd's callbacks. */

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *upload, size_t *upload_size, void **request)
{
	struct connection *c = connection_from(connection);
	size_t size = *upload_size;

	(void)context, (void)version;
	if (!*request) {
		*request = &c->request;
		return request_begin(c, url, method);
	}
	*upload_size = 0;
	return size > 0 ? request_piece(c, upload, size) : request_complete(c);
}

static void on_request_end(void *context, struct MHD_Connection *connection, void **request,
			   enum MHD_RequestTerminationCode why)
{
	struct http_server *s = context;

	(void)connection;
	if (why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED)
		s->totals.timeouts++;
	if (*request)
		request_end(*request);
	*request = NULL;
}

static void connection_start(struct shard *shard, struct MHD_Connection *connection, void **ret)
{
	struct http_server *s = shard->server;
	struct connection *c = oxp_new(sizeof *c);

	c->server = s;
	c->shard = shard;
	shard->connections++;
	c->request.connection = connection;
	c->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	c->next = s->connections;
	c->link = &s->connections;
	if (c->next)
		c->next->link = &c->next;
	s->connections = c;
	s->totals.connections++;
	enter(c, PHASE_HEAD, 0);
	if (!loop_timer_pending(&s->sweep))
		loop_timer_set(&s->sweep, DURATION_MS(SWEEP_MS));
	*ret = c;
}

/* A full daemon forgets its listening socket, and looks for it again only in a run that begins with room. */
static void connection_end(struct connection *c)
{
	if (c->shard->connections-- == c->shard->room && !c->server->ending)
		loop_soon_run(&c->shard->soon);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->server->totals.connections--;
	free(c);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode what)
{
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		connection_start(context, connection, socket_context);
	else if (*socket_context)
		connection_end(*socket_context);
}

static enum MHD_Result on_accept(void *context, const struct sockaddr *from, socklen_t size)
{
	struct http_server *s = context;

	(void)from, (void)size;
	if (s->totals.connections < s->options.connections_max)
		return MHD_YES;
	s->totals.refused_connections++;
	return MHD_NO;
}

/* The only word libmicrohttpd has of requests that it refuses itself, before any callback. Another version's wording
 * only leaves them uncounted. */
static void on_log(void *context, const char *format, va_list args)
{
	static const char refused[] = "Error processing request (HTTP response code is %u";
	static const char starved[] = "Hit process or system resource limit";
	struct http_server *s = context;
	unsigned status;

	s->starved = s->starved || strncmp(format, starved, sizeof starved - 1) == 0;
	if (strncmp(format, refused, sizeof refused - 1) != 0)
		return;
	status = va_arg(args, unsigned);
	if (status == 413 || status == 414 || status == 431)
		s->totals.refused_size++;
	else
		s->totals.bad_requests++;
}

/* Shards. */

/* Without descriptors libmicrohttpd would be ready all the time, and keep from the loop those who could free some. */
static void shard_rest(struct shard *shard)
{
	shard->server->starved = false;
	loop_watch_set(&shard->watch, 0);
	loop_timer_set(&shard->timer, DURATION_MS(REST_MS));
}

static void shard_run(struct shard *shard)
{
	MHD_UNSIGNED_LONG_LONG ms;
	struct mono_time due;

	MHD_run(shard->daemon);
	if (shard->server->starved) {
		shard_rest(shard);
		return;
	}
	if (MHD_get_timeout(shard->daemon, &ms) != MHD_YES)
		return;
	if (ms == 0) {
		loop_soon_run(&shard->soon);
		return;
	}
	due = mono_after(loop_now(shard->server->loop), DURATION_MS(ms));
	if (!loop_timer_pending(&shard->timer) || due.ns < shard->timer.due.ns)
		loop_timer_set(&shard->timer, DURATION_MS(ms));
}

static void shard_ready(void *context, int fd, unsigned what)
{
	(void)fd, (void)what;
	shard_run(context);
}

static void shard_due(void *context)
{
	struct shard *shard = context;

	loop_watch_set(&shard->watch, WATCH_READ);
	shard_run(shard);
}

static void shard_free(struct shard *shard)
{
	loop_watch_done(&shard->watch);
	loop_timer_done(&shard->timer);
	loop_soon_done(&shard->soon);
	if (shard->daemon)
		MHD_stop_daemon(shard->daemon);
	free(shard);
}

/* Takes the listening socket `fd`. NULL when libmicrohttpd does not start. */
static struct MHD_Daemon *daemon_new(struct shard *shard, int fd, size_t connections)
{
	static const unsigned flags = MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	const struct http_server_options *o = &shard->server->options;
	unsigned idle = o->idle.ns < 1000000000 ? 1 : (unsigned)(o->idle.ns / 1000000000);

	const struct MHD_OptionItem items[] = {
		{ MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_log, shard->server },
		{ MHD_OPTION_LISTEN_SOCKET, fd, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, (intptr_t)connections, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_MEMORY_MAX, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, idle, NULL },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_request_end, shard->server },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, shard },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	return MHD_start_daemon(flags, 0, on_accept, shard->server, on_request, shard->server, MHD_OPTION_ARRAY, items,
				MHD_OPTION_END);
}

static void shard_wait(struct shard *shard)
{
	struct loop *loop = shard->server->loop;
	int fd = MHD_get_daemon_info(shard->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;

	loop_timer_init(&shard->timer, loop, shard_due, shard);
	loop_soon_init(&shard->soon, loop, shard_due, shard);
	loop_watch_init(&shard->watch, loop, fd, shard_ready, shard);
	shard->soon.priority = shard->watch.priority = shard->server->options.priority;
	loop_watch_set(&shard->watch, WATCH_READ);
	/* Its first run is what puts the listening socket among those it waits for. */
	loop_soon_run(&shard->soon);
}

static int shard_add(struct http_server *s, int listening, size_t connections)
{
	struct shard *shard;
	int fd = fcntl(listening, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	shard = oxp_new(sizeof *shard);
	shard->server = s;
	shard->room = connections;
	shard->daemon = daemon_new(shard, fd, connections);
	if (!shard->daemon) {
		close(fd);
		shard_free(shard);
		return -EMFILE;
	}
	shard->next = s->shards;
	s->shards = shard;
	shard_wait(shard);
	return 0;
}

static int shards_add(struct http_server *s, int listening)
{
	size_t left = s->options.connections_max, each = left / SHARDS_WANTED;
	int failed = 0;

	each = each < SHARD_MIN ? SHARD_MIN : each > SHARD_MAX ? SHARD_MAX : each;
	while (left > 0 && !failed) {
		size_t now = left < each ? left : each;
		failed = shard_add(s, listening, now);
		left -= now;
	}
	return failed;
}

/* The server. */

int http_server_new(struct loop *loop, const struct http_server_options *options, const struct http_route *routes,
		    struct http_server **ret)
{
	struct http_server *s;

	if (options->connections_max == 0)
		return -EINVAL;
	s = oxp_new(sizeof *s);
	s->loop = loop;
	s->options = *options;
	s->options.name = oxp_strdup(options->name);
	s->routes = routes;
	lingers_init(&s->lingers, loop);
	loop_timer_init(&s->sweep, loop, sweep, s);
	*ret = s;
	return 0;
}

int http_server_listen(struct http_server *s, const char *address, uint16_t *ret_port)
{
	struct listening *l = &s->listening[s->addresses];
	int failed;

	if (s->addresses == ADDRESSES_MAX)
		return -ENOSPC;
	failed = listening_open(l, address, s->options.socket_mode);
	if (failed)
		return failed;
	/* When a shard fails, the ones before it go with the server; the caller gives up on it. */
	s->addresses++;
	failed = shards_add(s, l->fd);
	if (!failed && ret_port)
		*ret_port = listening_port(l);
	return failed;
}

size_t http_server_quiesce(struct http_server *s)
{
	int fd;

	if (!s->quiesced)
		for (struct shard *shard = s->shards; shard; shard = shard->next)
			if ((fd = MHD_quiesce_daemon(shard->daemon)) >= 0)
				close(fd);
	for (; s->addresses > 0; s->addresses--)
		listening_close(&s->listening[s->addresses - 1]);
	s->quiesced = true;
	return s->totals.open;
}

void http_server_free(struct http_server *s)
{
	struct shard *shard;

	if (!s)
		return;
	s->ending = true;
	for (struct connection *c = s->connections; c; c = c->next) {
		request_lost(&c->request);
		if (c->request.suspended)
			MHD_resume_connection(c->request.connection);
	}
	while ((shard = s->shards)) {
		s->shards = shard->next;
		shard_free(shard);
	}
	while (s->addresses > 0)
		listening_close(&s->listening[--s->addresses]);
	lingers_done(&s->lingers);
	loop_timer_done(&s->sweep);
	free((char *)s->options.name);
	free(s);
}

struct http_server_totals http_server_totals(const struct http_server *s)
{
	return s->totals;
}

/* What handlers ask. */

enum http_method http_request_method(const struct http_request *r)
{
	return r->method;
}

const char *http_request_path(const struct http_request *r)
{
	return r->path;
}

const char *http_request_header(const struct http_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const char *http_request_query(const struct http_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

int64_t http_request_content_length(const struct http_request *r)
{
	return r->content_length;
}

void http_context_set(struct http_request *r, void *context)
{
	r->context = context;
}

void *http_context(const struct http_request *r)
{
	return r->context;
}

/* Answers. */

static void add_headers(struct MHD_Response *to, const char *const *headers)
{
	for (; headers && headers[0]; headers += 2)
		MHD_add_response_header(to, headers[0], headers[1]);
}

/* Takes the memory of answer->body. */
static struct MHD_Response *response_from(const struct http_answer *answer)
{
	struct buffer *body = answer->body;
	struct MHD_Response *response;

	if (!body)
		return MHD_create_response_from_buffer(answer->constant.size, (void *)answer->constant.data,
						       MHD_RESPMEM_PERSISTENT);
	response = MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_MUST_FREE);
	if (response)
		*body = (struct buffer){ .ceiling = body->ceiling };
	return response;
}

static void respond_with(struct http_request *r, unsigned status, struct MHD_Response *response, size_t size)
{
	struct connection *c = connection_of(r);

	OXP_ASSERT(r->live && !r->responded);
	OXP_ASSERT(response && "out of memory");
	if (c->server->quiesced)
		MHD_add_response_header(response, "Connection", "close");
	r->answer = response;
	r->status = status;
	r->responded = true;
	c->server->totals.open--;
	r->answer_size = size;
	if (!r->suspended)
		return;
	r->suspended = false;
	MHD_resume_connection(r->connection);
	loop_soon_run(&c->shard->soon);
}

void http_respond(struct http_request *r, const struct http_answer *answer)
{
	size_t size = answer->body ? answer->body->size : answer->constant.size;
	struct MHD_Response *response = response_from(answer);

	OXP_ASSERT(response && "out of memory");
	if (answer->content_type)
		MHD_add_response_header(response, "Content-Type", answer->content_type);
	add_headers(response, answer->headers);
	respond_with(r, answer->status, response, size);
}

void http_respond_text(struct http_request *r, unsigned status, const char *content_type, const char *text)
{
	size_t size = strlen(text);
	struct MHD_Response *response = MHD_create_response_from_buffer(size, (void *)text, MHD_RESPMEM_MUST_COPY);

	OXP_ASSERT(response && "out of memory");
	MHD_add_response_header(response, "Content-Type", content_type);
	respond_with(r, status, response, size);
}
