/*
 * The engine on libmicrohttpd (external epoll), the only includer of <microhttpd.h>.
 *
 * Each listening socket is shared by several small daemons (shards) so that one callback never serves more than a few
 * connections: one MHD_run() serves every ready connection of its daemon at 12-14 microseconds each.
 *
 * libmicrohttpd has no thread and no socket of ours to wait on but its epoll descriptor: each shard's is watched by the
 * loop, and MHD_run() does what is ready. What it asks to be called for later becomes a timer of the shard, moved only
 * when it comes nearer, since it would otherwise be moved at every request.
 *
 * A handler that has not answered when its request is complete leaves the connection suspended. Resuming wakes nobody
 * here, so an answer that comes then runs the shard soon after.
 */
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <unistd.h>

#include "http/engine.h"

enum { SHARD_MIN = 4, SHARD_MAX = 16, SHARDS_WANTED = 8, REST_MS = 100 };

/*
 * Invariant: `answer` is set by respond() and handed to libmicrohttpd at the end of the body; suspended only while the
 * request is live and without an answer handed over.
 */
struct connection {
	struct http_connection base;
	struct MHD_Connection *mhd;
	struct shard *shard;
	struct MHD_Response *answer;
	unsigned status;
	bool suspended;
};

struct shard {
	struct http_server *server;
	struct shard *next;
	struct MHD_Daemon *daemon;
	struct loop_watch watch;
	struct loop_timer timer;
	struct loop_soon soon;
	size_t connections, room;
	bool starved;	/* the run under way found no descriptor for a connection */
};

static struct connection *connection_of(const struct http_request *r)
{
	return CONTAINER_OF(r, struct connection, base.request);
}

static struct connection *connection_from(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* Requests. */

static enum MHD_Result framing_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	http_framing_see(context, name, value);
	return MHD_YES;
}

static enum MHD_Result begin(struct connection *c, const char *path, const char *method)
{
	struct http_framing framing = { 0 };

	MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, framing_header, &framing);
	return http_request_begin(&c->base, method, path, &framing) ? MHD_YES : MHD_NO;
}

static enum MHD_Result hand_over(struct connection *c)
{
	struct MHD_Response *answer = c->answer;
	enum MHD_Result result;

	c->answer = NULL;
	http_connection_enter(&c->base, PHASE_ANSWER, c->base.request.answer_size);
	result = MHD_queue_response(c->mhd, c->status, answer);
	MHD_destroy_response(answer);
	return result;
}

/* Called at the end of the body, and again after a suspension. */
static enum MHD_Result complete(struct connection *c)
{
	if (c->base.server->ending)
		return MHD_NO;
	if (!c->base.request.complete)
		http_request_complete(&c->base);
	if (c->answer)
		return hand_over(c);
	c->suspended = true;
	MHD_suspend_connection(c->mhd);
	return MHD_YES;
}

static void end(struct connection *c)
{
	http_request_end(&c->base);
	if (c->answer)
		MHD_destroy_response(c->answer);
	c->answer = NULL;
	http_connection_enter(&c->base, PHASE_HEAD, 0);
}

/* libmicrohttpd's callbacks. */

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *upload, size_t *upload_size, void **request)
{
	struct connection *c = connection_from(connection);
	struct bytes piece = { upload, *upload_size };

	(void)context, (void)version;
	if (!*request) {
		*request = c;
		return begin(c, url, method);
	}
	*upload_size = 0;
	if (piece.size == 0)
		return complete(c);
	return http_request_piece(&c->base, piece) ? MHD_YES : MHD_NO;
}

static void on_request_end(void *context, struct MHD_Connection *connection, void **request,
			   enum MHD_RequestTerminationCode why)
{
	struct http_server *s = context;

	(void)connection;
	if (why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED)
		s->totals.timeouts++;
	if (*request)
		end(*request);
	*request = NULL;
}

static void connection_start(struct shard *shard, struct MHD_Connection *connection, void **ret)
{
	struct connection *c = oxp_new(sizeof *c);

	c->shard = shard;
	shard->connections++;
	c->mhd = connection;
	http_connection_begin(&c->base, shard->server,
			      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
	http_connection_enter(&c->base, PHASE_HEAD, 0);
	*ret = c;
}

/* A full daemon forgets its listening socket, and looks for it again only in a run that begins with room. */
static void connection_end(struct connection *c)
{
	if (c->shard->connections-- == c->shard->room && !c->base.server->ending)
		loop_soon_run(&c->shard->soon);
	http_connection_end(&c->base);
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
	struct shard *shard = context;
	struct http_server *s = shard->server;
	unsigned status;

	shard->starved = shard->starved || strncmp(format, starved, sizeof starved - 1) == 0;
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
	shard->starved = false;
	loop_watch_set(&shard->watch, 0);
	loop_timer_set(&shard->timer, DURATION_MS(REST_MS));
}

static void shard_run(struct shard *shard)
{
	MHD_UNSIGNED_LONG_LONG ms;
	struct mono_time due;

	MHD_run(shard->daemon);
	if (shard->starved) {
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
		{ MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_log, shard },
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
	shard->next = s->engine_own;
	s->engine_own = shard;
	shard_wait(shard);
	return 0;
}

/* In engine_own stands the first shard. */
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

static void quiesce(struct http_server *s)
{
	int fd;

	for (struct shard *shard = s->engine_own; shard; shard = shard->next)
		if ((fd = MHD_quiesce_daemon(shard->daemon)) >= 0)
			close(fd);
}

static void stop(struct http_server *s)
{
	struct shard *shard;

	for (struct http_connection *c = s->connections; c; c = c->next)
		if (connection_of(&c->request)->suspended)
			MHD_resume_connection(connection_of(&c->request)->mhd);
	while ((shard = s->engine_own)) {
		s->engine_own = shard->next;
		shard_free(shard);
	}
}

/* What handlers ask, and what they answer. */

static const char *header(const struct http_request *r, const char *name)
{
	return MHD_lookup_connection_value(connection_of(r)->mhd, MHD_HEADER_KIND, name);
}

static const char *query(const struct http_request *r, const char *name)
{
	return MHD_lookup_connection_value(connection_of(r)->mhd, MHD_GET_ARGUMENT_KIND, name);
}

/* Takes the memory of answer->body. */
static struct MHD_Response *response_from(const struct http_answer *answer)
{
	struct bytes constant = http_answer_constant(answer);
	struct buffer *body = answer->body;
	struct MHD_Response *response;

	if (!body)
		return MHD_create_response_from_buffer(constant.size, (void *)constant.data, MHD_RESPMEM_PERSISTENT);
	response = MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_MUST_FREE);
	if (response)
		*body = (struct buffer){ .ceiling = body->ceiling };
	return response;
}

static void add_headers(struct MHD_Response *to, const struct http_answer *answer, bool close_after)
{
	if (answer->content_type)
		MHD_add_response_header(to, "Content-Type", answer->content_type);
	for (const char *const *pair = answer->headers; pair && pair[0]; pair += 2)
		MHD_add_response_header(to, pair[0], pair[1]);
	if (close_after)
		MHD_add_response_header(to, "Connection", "close");
}

static void respond(struct http_request *r, const struct http_answer *answer)
{
	struct connection *c = connection_of(r);

	c->answer = response_from(answer);
	OXP_ASSERT(c->answer && "out of memory");
	c->status = answer->status;
	add_headers(c->answer, answer, r->close);
	if (!c->suspended)
		return;
	c->suspended = false;
	MHD_resume_connection(c->mhd);
	loop_soon_run(&c->shard->soon);
}

const struct http_engine http_engine_microhttpd = {
	.listen = shards_add,
	.quiesce = quiesce,
	.stop = stop,
	.answer = respond,
	.header = header,
	.query = query,
};
