/*
 * The engine on libmicrohttpd (external epoll), the only includer of <microhttpd.h>, behind the project's own reader of
 * heads.
 *
 * libmicrohttpd 0.9.75, strict or not, accepts bare LF, folded lines, a second Host and white space before a colon,
 * answers some faults with two heads, and spins for ever on a chunk extension or a chunk size that fills its memory. So
 * it never sees a head that head.h refuses, a chunked body (411), or a second request. A head is looked at with
 * MSG_PEEK, edge by edge, until it is complete. Only then does libmicrohttpd get the socket. It reads the same bytes
 * and a body of known length behind them, and sends one answer, which ends the connection. Its own limits and time-outs
 * are never reached.
 *
 * The sockets of a server are spread over several small daemons (shards), so that one callback serves only a few: one
 * MHD_run() serves every ready connection of its daemon, at 12 to 14 microseconds each.
 *
 * libmicrohttpd has no thread, and only its epoll descriptor to wait on. The loop watches the descriptor of each shard,
 * and MHD_run() does the work that is ready. If a handler has not answered when its request is complete, the connection
 * stays suspended. Resuming it wakes nobody here, so a later answer runs the shard soon afterwards.
 */
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/engine.h"
#include "http/head.h"
#include "http/seats.h"

enum {
	SHARDS_MAX = 8,
	SHARD_CONNECTIONS = 8, /* that are worth a shard */
	/* The head twice (a cookie is copied), what is noted of each field and argument, and the head of the answer.
	 * Half of it is touched for each request, however short that is. */
	MEMORY_MAX = 4 * HTTP_HEAD_MAX,
	MEMORY_SMALL = 16 << 10, /* the same for a small head */
	SMALL_HEAD = 2 << 10,
	SMALL_FIELDS = 32,
	SMALL_COOKIES = 16,
	SMALL_QUERY = 128,
	LARGE_HEADS_MAX = 16, /* requests with larger heads that a server has at a time; one more is answered 503 */
	LARGE_HEADS_LEAST = 4, /* the same in a small `room`, of which they may have half */
};

/*
 * Invariant: ours until the head is whole, then `shard` is set and libmicrohttpd closes the socket; `answer` is set by
 * respond() until it is handed to libmicrohttpd; suspended only while the request is live and without an answer.
 */
struct connection {
	struct http_connection base;
	struct http_request request;
	struct loop_watch watch; /* while it is ours */
	struct http_head head;
	struct buffer text;
	struct shard *shard;
	struct MHD_Connection *mhd;
	struct MHD_Response *answer;
	unsigned status;
	bool suspended;
};

struct shard {
	struct http_server *server;
	struct MHD_Daemon *daemon;
	struct loop_watch watch;
	struct loop_soon soon;
	size_t connections;
	struct connection *arriving; /* during MHD_add_connection() */
};

/* Of a server. */
struct front {
	struct shard shards[SHARDS_MAX];
	size_t shards_count;
	struct shard large; /* of requests with large heads */
	size_t large_max;
	char *in; /* HTTP_HEAD_MAX bytes, to peek into */
};

static struct connection *connection_of(const struct http_request *r)
{
	return CONTAINER_OF(r, struct connection, request);
}

static struct connection *connection_from(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void connection_free(struct connection *c)
{
	loop_watch_done(&c->watch);
	http_request_end(&c->request);
	if (c->answer)
		MHD_destroy_response(c->answer);
	buffer_done(&c->text);
	http_connection_end(&c->base);
	free(c);
}

/* Requests. */

static enum MHD_Result hand_over(struct connection *c)
{
	struct MHD_Response *answer = c->answer;
	enum MHD_Result result;

	c->answer = NULL;
	http_request_enter(&c->request, PHASE_ANSWER, c->request.answer_size);
	result = MHD_queue_response(c->mhd, c->status, answer);
	MHD_destroy_response(answer);
	return result;
}

/* Called at the end of the body, and again after a suspension. */
static enum MHD_Result complete(struct connection *c)
{
	if (c->base.server->ending)
		return MHD_NO;
	if (!c->request.complete)
		http_request_complete(&c->request);
	if (c->answer)
		return hand_over(c);
	c->suspended = true;
	MHD_suspend_connection(c->mhd);
	return MHD_YES;
}

/* libmicrohttpd's callbacks. */

/* The first call is for the head, which has been judged. What has its answer then does not have its body read. What has
 * no body is complete: libmicrohttpd would ask for one if the peer expects that (Expect: 100-continue), and not know
 * what to do with bytes behind it. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *upload, size_t *upload_size, void **request)
{
	struct connection *c = connection_from(connection);
	struct bytes piece = { upload, *upload_size };

	(void)context, (void)url, (void)method, (void)version;
	if (!*request) {
		*request = c;
		if (c->answer)
			return hand_over(c);
		return c->request.content_length == 0 ? complete(c) : MHD_YES;
	}
	*upload_size = 0;
	if (piece.size == 0)
		return complete(c);
	return http_request_piece(&c->request, piece) ? MHD_YES : MHD_NO;
}

static void on_request_end(
	void *context, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode why)
{
	(void)context, (void)connection, (void)why;
	if (*request)
		http_request_end(&((struct connection *)*request)->request);
	*request = NULL;
}

/* Closing over unread bytes would reset the answer away. */
static void linger_if_unread(struct connection *c)
{
	const struct http_request *r = &c->request;
	int unread = 0;

	if (c->base.server->ending || !r->responded || c->base.pace.phase == PHASE_OVER)
		return;
	if ((int64_t)r->received < r->content_length || r->content_length < 0 ||
		(ioctl(c->base.fd, FIONREAD, &unread) == 0 && unread > 0))
		linger_start(&c->base.server->lingers, c->base.fd);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
	enum MHD_ConnectionNotificationCode what)
{
	struct shard *shard = context;
	struct connection *c = *socket_context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*socket_context = shard->arriving;
		shard->arriving->mhd = connection;
		shard->arriving = NULL;
	} else if (c) {
		shard->connections--;
		linger_if_unread(c);
		connection_free(c);
	}
}

/* Shards. */

static void shard_run(void *context)
{
	struct shard *shard = context;
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(shard->daemon);
	http_seats_renew(shard->server);
	if (MHD_get_timeout(shard->daemon, &ms) == MHD_YES && ms == 0)
		loop_soon_run(&shard->soon);
}

static void shard_ready(void *context, int fd, unsigned what)
{
	(void)fd, (void)what;
	shard_run(context);
}

static void shard_done(struct shard *shard)
{
	loop_watch_done(&shard->watch);
	loop_soon_done(&shard->soon);
	if (shard->daemon)
		MHD_stop_daemon(shard->daemon);
}

/* Since that version a connection that is given to the library waits in a queue until it runs, unless it is told that
 * one thread has all of it. */
#if MHD_VERSION >= 0x00097707
enum { OF_ONE_THREAD = MHD_USE_NO_THREAD_SAFETY };
#else
enum { OF_ONE_THREAD = 0 };
#endif

/* It has no time-out: patience is serving.c's. */
static int shard_init(struct shard *shard, struct http_server *s, int memory)
{
	static const unsigned flags =
		MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | OF_ONE_THREAD;
	const struct MHD_OptionItem items[] = {
		{ MHD_OPTION_CONNECTION_LIMIT, (intptr_t)s->options.connections_max, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_request_end, NULL },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, shard },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	*shard = (struct shard){ .server = s };
	loop_soon_init(&shard->soon, s->loop, shard_run, shard);
	shard->daemon =
		MHD_start_daemon(flags, 0, NULL, NULL, on_request, NULL, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
	if (!shard->daemon)
		return -EMFILE;
	loop_watch_init(&shard->watch, s->loop, MHD_get_daemon_info(shard->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
		shard_ready, shard);
	shard->soon.priority = shard->watch.priority = s->options.priority;
	loop_watch_set(&shard->watch, WATCH_READ);
	return 0;
}

static struct shard *emptiest_shard(struct front *front)
{
	struct shard *best = &front->shards[0];

	for (size_t i = 1; i < front->shards_count; i++)
		if (front->shards[i].connections < best->connections)
			best = &front->shards[i];
	return best;
}

static bool is_small(const struct http_head *h)
{
	return h->at <= SMALL_HEAD && h->fields_count <= SMALL_FIELDS && h->cookies <= SMALL_COOKIES &&
	       h->query.size <= SMALL_QUERY;
}

/* NULL: there are too many with large heads. */
static struct shard *shard_for(struct front *front, const struct http_head *head)
{
	if (is_small(head))
		return emptiest_shard(front);
	return front->large.connections < front->large_max ? &front->large : NULL;
}

/* Heads. */

static void front_close(struct connection *c)
{
	close(c->base.fd);
	connection_free(c);
}

/* libmicrohttpd closes the socket, whatever comes of it. */
static void give_to(struct shard *shard, struct connection *c)
{
	static const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	c->shard = shard;
	c->base.peeked = 0;
	shard->arriving = c;
	shard->connections++;
	(void)MHD_add_connection(shard->daemon, c->base.fd, &nobody, sizeof nobody);
	if (shard->arriving) {
		shard->arriving = NULL;
		shard->connections--;
		connection_free(c);
		return;
	}
	shard_run(shard);
}

static void begin(struct connection *c, const char *head)
{
	struct shard *shard = shard_for(c->base.server->engine_own, &c->head);

	loop_watch_done(&c->watch);
	if (!shard) {
		http_refuse(&c->base, NULL, 503);
		front_close(c);
		return;
	}
	OXP_ASSERT(buffer_append(&c->text, head, c->head.at) == 0);
	if (http_request_begin(&c->base, &c->request, &c->head, c->text.data))
		give_to(shard, c);
	else
		front_close(c);
}

/* Bytes that were only looked at hide the end of the stream behind them. */
static bool has_ended(const struct connection *c)
{
	struct pollfd p = { .fd = c->base.fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0 && p.revents != 0;
}

/* Whether it is waited for more. */
static bool look_at_head(struct connection *c, struct bytes all)
{
	unsigned verdict = http_head_parse(&c->head, all);

	c->base.peeked = all.size;
	if (verdict == HTTP_HEAD_MORE && !has_ended(c)) {
		if (c->base.pace.phase == PHASE_IDLE)
			http_connection_enter(&c->base, PHASE_HEAD, 0);
		http_seats_hold(&c->base, all.size);
		return true;
	}
	if (verdict == HTTP_HEAD_DONE) {
		begin(c, all.data);
		return false;
	}
	if (verdict != HTTP_HEAD_MORE)
		http_refuse(&c->base, NULL, verdict);
	front_close(c);
	return false;
}

/* Whether it is waited for more. */
static bool look(struct connection *c)
{
	struct front *front = c->base.server->engine_own;
	ssize_t n = recv(c->base.fd, front->in, HTTP_HEAD_MAX, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n > 0 && c->base.pace.phase != PHASE_OVER)
		return look_at_head(c, (struct bytes){ front->in, (size_t)n });
	front_close(c);
	return false;
}

static void on_bytes(void *context, int fd, unsigned what)
{
	(void)fd, (void)what;
	(void)look(context);
}

static void take(struct http_server *s, int fd, struct tls *tls)
{
	struct connection *c = oxp_new(sizeof *c);

	OXP_ASSERT(!tls && "it is not asked to speak TLS");
	buffer_init(&c->text, HTTP_HEAD_MAX);
	http_connection_begin(&c->base, s, fd);
	loop_watch_init(&c->watch, s->loop, fd, on_bytes, c);
	c->watch.priority = s->options.priority;
	/* A peer that waited in the kernel's queue has sent its request by now, or has left; either way there is no
	 * wait. */
	if (look(c))
		loop_watch_set(&c->watch, WATCH_READ | WATCH_EDGE);
}

/* The engine. */

static void drop(struct http_connection *base)
{
	struct connection *c = CONTAINER_OF(base, struct connection, base);

	if (!c->shard) {
		front_close(c);
		return;
	}
	shutdown(base->fd, SHUT_RDWR);
	http_connection_enter(base, PHASE_OVER, 0);
	shard_run(c->shard);
}

/* What requests take in libmicrohttpd until their answers are read is within the room. */
static void fit_in(struct http_server *s, struct front *front)
{
	size_t room = s->options.room, large = room / 2 / MEMORY_MAX;

	front->large_max = LARGE_HEADS_MAX;
	if (room == 0)
		return;
	front->large_max = smaller(LARGE_HEADS_MAX, large > LARGE_HEADS_LEAST ? large : LARGE_HEADS_LEAST);
	s->busy_max = smaller(s->busy_max, room / MEMORY_SMALL);
}

static int start(struct http_server *s)
{
	struct front *front = oxp_new(sizeof *front);
	size_t wanted = s->options.connections_max / SHARD_CONNECTIONS + 1;
	int failed = 0;

	s->engine_own = front;
	fit_in(s, front);
	front->in = malloc(HTTP_HEAD_MAX);
	OXP_ASSERT(front->in && "out of memory");
	while (!failed && front->shards_count < wanted && front->shards_count < SHARDS_MAX)
		failed = shard_init(&front->shards[front->shards_count++], s, MEMORY_SMALL);
	if (failed)
		return failed;
	return shard_init(&front->large, s, MEMORY_MAX);
}

static void stop(struct http_server *s)
{
	struct front *front = s->engine_own;
	struct http_connection *base, *next;

	for (base = TAILQ_FIRST(&s->connections); base; base = next) {
		struct connection *c = CONTAINER_OF(base, struct connection, base);
		next = TAILQ_NEXT(base, entry);
		if (!c->shard)
			front_close(c);
		else if (c->suspended)
			MHD_resume_connection(c->mhd);
	}
	for (size_t i = 0; front && i < front->shards_count; i++)
		shard_done(&front->shards[i]);
	if (front && front->large.server)
		shard_done(&front->large);
	if (front)
		free(front->in);
	free(front);
}

/* Answers. */

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

static void add_headers(struct MHD_Response *to, const struct http_answer *answer)
{
	if (answer->content_type)
		MHD_add_response_header(to, "Content-Type", answer->content_type);
	for (const char *const *pair = answer->headers; pair && pair[0]; pair += 2)
		MHD_add_response_header(to, pair[0], pair[1]);
	MHD_add_response_header(to, "Connection", "close");
}

static void respond(struct http_request *r, const struct http_answer *answer)
{
	struct connection *c = connection_of(r);

	c->answer = response_from(answer);
	OXP_ASSERT(c->answer && "out of memory");
	c->status = answer->status;
	add_headers(c->answer, answer);
	if (!c->suspended)
		return;
	c->suspended = false;
	MHD_resume_connection(c->mhd);
	loop_soon_run(&c->shard->soon);
}

const struct http_engine http_engine_microhttpd = {
	.start = start,
	.take = take,
	.drop = drop,
	.last_word = http_last_word,
	.stop = stop,
	.answer = respond,
};
