/*
 * What the engines share: routes, limits, patience, totals, and the answers that the server gives itself.
 * The bytes are an engine's (engine.h), chosen when the server is made.
 */
#include "http/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "http/cors.h"
#include "http/decline.h"
#include "http/engine.h"
#include "http/pause.h"
#include "http/greet.h"
#include "http/seats.h"

enum {
	SWEEP_MS = 500,
	SMALL_ANSWER = 4 << 10,
	BUSY_PART = 4,
	LAST_HEADERS_MAX = 512,
	SEND_BUFFER = 64 << 10, /* bytes of an unread answer that the kernel keeps: twice that, see socket(7) */
};

/* Phases and patience. */

/* The age of a request counts from its first byte: its body makes it no younger. */
static void become_youngest(struct http_connection *c)
{
	TAILQ_REMOVE(&c->server->connections, c, entry);
	TAILQ_INSERT_TAIL(&c->server->connections, c, entry);
}

static void limit_share(struct http_server *, const struct http_route *);

/* The head of one more request makes a connection no younger than those whose bodies have not come. */
void http_connection_enter(struct http_connection *c, enum http_phase phase, size_t moving)
{
	if (phase == PHASE_IDLE || (phase == PHASE_HEAD && phase != c->pace.phase && TAILQ_EMPTY(&c->requests)))
		become_youngest(c);
	if (phase != PHASE_HEAD)
		http_seats_hold(c, 0);
	c->moved = loop_now(c->server->loop);
	c->pace = (struct http_pace){ phase, c->moved, moving };
}

void http_request_enter(struct http_request *r, enum http_phase phase, size_t moving)
{
	struct http_connection *c = r->connection;

	if (phase == PHASE_ANSWER && r->pace.phase != PHASE_ANSWER && r->route && r->route->at_once)
		limit_share(c->server, r->route);
	r->moved = c->moved = loop_now(c->server->loop);
	r->pace = (struct http_pace){ phase, r->moved, moving };
}

enum http_phase http_connection_phase(const struct http_connection *c)
{
	static const int ranks[] = { [PHASE_BODY] = 1, [PHASE_ANSWER] = 2, [PHASE_HANDLER] = 3, [PHASE_OVER] = 4 };
	enum http_phase most = c->pace.phase;
	const struct http_request *r;

	TAILQ_FOREACH(r, &c->requests, entry)
		most = ranks[r->pace.phase] > ranks[most] ? r->pace.phase : most;
	return most;
}

static bool out_of_patience(const struct http_server *s, const struct http_pace *pace)
{
	struct duration spent = mono_since(loop_now(s->loop), pace->since);
	double idle = duration_seconds(s->options.idle);
	double allowed = pace->phase == PHASE_IDLE ? idle : 2 * idle + (double)pace->moving / HTTP_RATE_MIN;

	return pace->phase != PHASE_HANDLER && pace->phase != PHASE_OVER && duration_seconds(spent) > allowed;
}

const char *http_reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} rows[] = {
		{ 200, "OK" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 411, "Length Required" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};
	size_t i = 0;

	while (i < COUNT_OF(rows) && rows[i].status != status)
		i++;
	return i < COUNT_OF(rows) ? rows[i].reason : ""; /* RFC 9112, 4: may be empty */
}

void http_pairs_add(struct http_pairs *pairs, const char *name, const char *value)
{
	OXP_ASSERT(pairs->count < 2 * HTTP_PAIRS_MAX && "an answer with too many headers");
	pairs->items[pairs->count++] = name;
	pairs->items[pairs->count++] = value;
}

/* What the page needs to see why it is refused. `r` may be NULL: then nobody knows who asks. */
static void last_headers(const struct http_request *r, char ret_text[LAST_HEADERS_MAX])
{
	struct http_pairs pairs = { .count = 0 };
	const char *const *item = pairs.items;
	size_t used = 0;

	_Static_assert(LAST_HEADERS_MAX > HTTP_CORS_ORIGIN_MAX + 128, "names and other values are short");
	if (r)
		http_cors_add(r, &pairs);
	ret_text[0] = '\0';
	for (; *item && used < LAST_HEADERS_MAX; item += 2)
		used += (size_t)snprintf(ret_text + used, LAST_HEADERS_MAX - used, "%s: %s\r\n", item[0], item[1]);
	OXP_ASSERT(used < LAST_HEADERS_MAX);
}

/* An answer past the engine, in the middle of a head or a body. Nothing of another answer is on its way then. */
void http_last_word(struct http_connection *c, struct http_request *r, unsigned status)
{
	const char *reason = http_reason(status);
	char headers[LAST_HEADERS_MAX], text[256 + LAST_HEADERS_MAX];
	int n;

	last_headers(r, headers);
	n = snprintf(text, sizeof text,
		"HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Type: text/plain\r\n%s"
		"Content-Length: %zu\r\n\r\n%s\n",
		status, reason, headers, strlen(reason) + 1, reason);
	if (http_send(c, &(struct iovec){ text, (size_t)n }, 1) < 0)
		return; /* the peer is gone, or takes nothing: it is closed in any case */
}

/* The last word to a peer. The kernel must not keep an unread answer after the connection is over. */
static void dismiss(struct http_connection *c, unsigned status)
{
	static const struct linger at_once = { 1, 0 };
	enum http_phase phase = http_connection_phase(c);

	if (phase == PHASE_HEAD || phase == PHASE_BODY || (phase == PHASE_IDLE && c->server->engine->retire))
		c->server->engine->last_word(c, NULL, status);
	else
		(void)!setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static void count_refused(struct http_server *s)
{
	if (s->options.refused)
		++*s->options.refused;
}

/* The engine sees the end of the stream, closes and tells us. */
static void cut_off(struct http_connection *c)
{
	enum http_phase phase = http_connection_phase(c);

	c->server->totals.timeouts += phase != PHASE_IDLE;
	if (phase == PHASE_HEAD || phase == PHASE_BODY)
		count_refused(c->server);
	dismiss(c, 408);
	shutdown(c->fd, SHUT_RDWR);
	http_connection_enter(c, PHASE_OVER, 0);
}

static void cut_off_request(struct http_request *r)
{
	struct http_connection *c = r->connection;

	if (!c->server->engine->reset) {
		cut_off(c);
		return;
	}
	c->server->totals.timeouts++;
	if (r->pace.phase == PHASE_BODY)
		count_refused(c->server);
	c->server->engine->reset(r);
}

/* The request that comes behind `r` in the order of their connections; NULL for the first, or behind the last. */
static struct http_request *next_request(const struct http_server *s, const struct http_request *r)
{
	struct http_connection *c = r ? TAILQ_NEXT(r->connection, entry) : TAILQ_FIRST(&s->connections);
	struct http_request *next = r ? TAILQ_NEXT(r, entry) : NULL;

	for (; !next && c; c = TAILQ_NEXT(c, entry))
		next = TAILQ_FIRST(&c->requests);
	return next;
}

/* One more answer of the route is about to be sent. If the share is used up, the oldest one is cut off for it. So a
 * peer that reads its answer gets it, however many do not. */
static void limit_share(struct http_server *s, const struct http_route *route)
{
	struct http_request *r, *oldest = NULL;
	size_t answered = 0;

	for (r = next_request(s, NULL); r; r = next_request(s, r))
		if (r->live && r->route == route && r->pace.phase == PHASE_ANSWER) {
			oldest = oldest ? oldest : r;
			answered++;
		}
	if (answered >= route->at_once && oldest)
		cut_off_request(oldest);
}

static void count_evicted(struct http_server *s)
{
	s->totals.evicted++;
	if (s->options.evicted)
		++*s->options.evicted;
}

void http_connection_evict(struct http_connection *c)
{
	count_evicted(c->server);
	dismiss(c, 503);
	c->server->engine->drop(c);
}

void http_request_evict(struct http_request *r)
{
	struct http_server *s = r->connection->server;

	count_evicted(s);
	s->engine->reset(r);
}

/* A stream that had ended when its last bytes were read gives no edge any more, and libmicrohttpd waits for one. */
static bool left_unseen(const struct http_connection *c)
{
	enum http_phase phase = http_connection_phase(c);
	const struct http_request *r = TAILQ_FIRST(&c->requests);
	struct mono_time since = r ? r->pace.since : c->pace.since;
	bool reading = phase == PHASE_IDLE || phase == PHASE_HEAD || phase == PHASE_BODY;
	char byte;

	return reading && mono_since(loop_now(c->server->loop), since).ns > DURATION_MS(SWEEP_MS).ns &&
	       recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void cut_off_late_requests(struct http_connection *c)
{
	struct http_request *r, *next;

	for (r = TAILQ_FIRST(&c->requests); r && c->pace.phase != PHASE_OVER; r = next) {
		next = TAILQ_NEXT(r, entry);
		if (out_of_patience(c->server, &r->pace))
			cut_off_request(r);
	}
}

static bool is_old(const struct http_connection *c)
{
	struct duration age = c->server->options.age;

	return age.ns > 0 && !c->closed && mono_since(loop_now(c->server->loop), c->born).ns > age.ns;
}

/* A connection is idle only while it has no request. */
static bool is_late(const struct http_connection *c)
{
	if (c->pace.phase == PHASE_IDLE && (c->closed || !TAILQ_EMPTY(&c->requests)))
		return false;
	return out_of_patience(c->server, &c->pace);
}

static void sweep(void *context)
{
	struct http_server *s = context;
	struct http_connection *c;

	http_seats_look(s);
	TAILQ_FOREACH(c, &s->connections, entry) {
		cut_off_late_requests(c);
		if (s->engine->retire && is_old(c))
			s->engine->retire(c);
		if (is_late(c)) {
			cut_off(c);
		} else if (left_unseen(c)) {
			shutdown(c->fd, SHUT_RDWR);
			http_connection_enter(c, PHASE_OVER, 0);
		}
	}
	greetings_sweep(s);
	if (!TAILQ_EMPTY(&s->connections) || s->greetings.count > 0)
		http_sweep_soon(s);
}

void http_sweep_soon(struct http_server *s)
{
	if (!loop_timer_pending(&s->sweep))
		loop_timer_set(&s->sweep, DURATION_MS(SWEEP_MS));
}

/* Connections. */

void http_connection_begin(struct http_connection *c, struct http_server *s, int fd)
{
	int buffer = SEND_BUFFER;

	/* Left to itself it grows to megabytes for each peer that takes nothing. */
	(void)!setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	c->server = s;
	c->fd = fd;
	TAILQ_INIT(&c->requests);
	c->pace = (struct http_pace){ PHASE_IDLE, loop_now(s->loop), 0 };
	c->born = c->pace.since;
	TAILQ_INSERT_TAIL(&s->connections, c, entry);
	s->totals.connections++;
	http_sweep_soon(s);
}

void http_seat_left(struct http_server *s)
{
	http_seats_left(s);
}

void http_connection_end(struct http_connection *c)
{
	http_seats_hold(c, 0);
	http_pause_end(c);
	TAILQ_REMOVE(&c->server->connections, c, entry);
	c->server->totals.connections--;
	c->server->watched -= c->closed != NULL;
	if (c->closed)
		c->closed(c->watcher);
	http_seats_left(c->server);
}

/* A peer whose machine is gone never closes. Refused by a Unix socket, whose peer is on this one. */
static void ask_now_and_then(int fd)
{
	int on = 1, idle_s = 30, between_s = 10, tries = 3;

	(void)!setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
	(void)!setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between_s, sizeof between_s);
	(void)!setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
	(void)!setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

bool http_request_watch(struct http_request *r, void (*closed)(void *context), void *context)
{
	struct http_connection *c = r->connection;
	struct http_server *s = c->server;

	OXP_ASSERT(!c->closed && s->options.engine == HTTP_DIRECT);
	if (4 * (s->watched + 1) > 3 * s->options.connections_max)
		return false;
	s->watched++;
	c->closed = closed;
	c->watcher = context;
	ask_now_and_then(c->fd);
	return true;
}

bool http_request_process(const struct http_request *r, char to[PEER_PROCESS_ROOM])
{
	return peer_process(r->connection->fd, to);
}

void *http_request_watcher(const struct http_request *r)
{
	return r->connection->closed ? r->connection->watcher : NULL;
}

/* Requests. */

static enum http_method method_from(const char *name)
{
	static const char *const names[] = { [HTTP_GET] = "GET",
		[HTTP_POST] = "POST",
		[HTTP_PUT] = "PUT",
		[HTTP_DELETE] = "DELETE",
		[HTTP_HEAD] = "HEAD" };
	unsigned i = 0;

	while (i < COUNT_OF(names) && strcmp(names[i], name) != 0)
		i++;
	return i < COUNT_OF(names) ? (enum http_method)i : HTTP_METHOD_OTHER;
}

static bool serves(const struct http_route *route, enum http_method method)
{
	return route->method == method || (route->method == HTTP_GET && method == HTTP_HEAD);
}

/* The length of the body, according to the head. */
struct framing {
	unsigned lengths, codings;
	const char *length, *coding;
};

static void framing_see(struct framing *f, const char *name, const char *value)
{
	if (strcasecmp(name, "Content-Length") == 0) {
		f->lengths++;
		f->length = value;
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		f->codings++;
		f->coding = value;
	}
}

/* Two lengths, a length beside chunks, or a length that is not a number: requests are smuggled that way. False:
 * refused. */
static bool framing_read(struct http_request *r, const struct http_head *h, const char *text)
{
	struct framing f = { 0 };
	uint64_t length = 0;

	for (unsigned i = 0; i < h->fields_count; i++)
		framing_see(&f, text + h->fields[i].name.at, text + h->fields[i].value.at);
	if (f.lengths + f.codings > 1 || (f.coding && strcasecmp(f.coding, "chunked") != 0))
		return false;
	if (f.length && (!u64_parse(bytes_of(f.length), &length) || length > INT64_MAX))
		return false;
	r->content_length = f.coding || (h->open_ended && !f.length) ? -1 : (int64_t)length;
	return true;
}

/* The request will not be answered by its handler. */
static void request_lost(struct http_request *r)
{
	struct http_server *s;

	if (!r->live)
		return;
	s = r->connection->server;
	r->live = false;
	if (r->responded)
		return;
	s->totals.open--;
	if (r->route && r->route->gone)
		r->route->gone(r->route->context, r);
}

void http_connection_lost(const struct http_connection *c)
{
	const struct http_server_options *o = &c->server->options;
	const struct http_request *r;

	TAILQ_FOREACH(r, &c->requests, entry)
		if (o->broke_off && r->live && !r->responded && r->pace.phase == PHASE_BODY) {
			o->broke_off(o->context);
			return;
		}
}

void http_request_end(struct http_request *r)
{
	if (!r->listed)
		return;
	request_lost(r);
	TAILQ_REMOVE(&r->connection->requests, r, entry);
	r->listed = false;
	r->connection->server->totals.unsent -= r->unsent;
	r->unsent = 0;
	http_page_release(r->page);
	r->page = NULL;
}

void http_count_refused(struct http_server *s, unsigned status)
{
	s->totals.refused_size += status == 413 || status == 431;
	s->totals.bad_requests += status != 413 && status != 431;
	count_refused(s);
}

void http_refuse(struct http_connection *c, struct http_request *r, unsigned status)
{
	struct http_server *s = c->server;

	http_count_refused(s, status);
	if (r)
		request_lost(r);
	s->engine->last_word(c, r, status);
	if (!s->engine->reset)
		http_connection_linger(c);
}

static const struct http_route *find_route(const struct http_server *s, const struct http_request *r)
{
	for (const struct http_route *route = s->routes; route->path; route++)
		if (serves(route, r->method) && http_route_leads_to(route, r->path))
			return route;
	return NULL;
}

/* Whether as many of it wait for their answers as leave seats and memory for others. */
static bool is_busy(const struct http_server *s, const struct http_route *route)
{
	const struct http_request *r;
	size_t waiting = 0;

	for (r = next_request(s, NULL); r; r = next_request(s, r))
		waiting += r->live && r->route == route && r->pace.phase < PHASE_ANSWER;
	return waiting > s->busy_max;
}

static struct http_answer try_later(const char *why)
{
	static const char *const headers[] = { "Retry-After", "1", NULL };

	return (struct http_answer){
		.status = 503, .content_type = "text/plain", .headers = headers, .constant = bytes_of(why)
	};
}

/* 0, or the status to refuse with, before anything of the body is read. */
static unsigned body_refused(const struct http_server *s, const struct http_request *r, const struct http_route *route)
{
	if (r->content_length > 0 && (uint64_t)r->content_length > s->options.body_max)
		return 413;
	if (!route || r->content_length == 0)
		return 0;
	if (!route->body)
		return 400;
	return r->content_length < 0 && !s->engine->chunked ? 411 : 0;
}

static void route_request(struct http_server *s, struct http_request *r)
{
	const struct http_answer busy = try_later("too many such requests are under way\n");

	if (http_decline_foreign(r) || http_cors_preflight(r) || http_decline_stranger(r))
		return;
	if (!r->route)
		http_decline_unrouted(r);
	else if (r->route->at_once && is_busy(s, r->route))
		http_respond(r, &busy);
	else if (r->route->begin)
		r->route->begin(r->route->context, r);
}

bool http_request_begin(struct http_connection *c, struct http_request *r, struct http_head *head, char *text)
{
	struct http_server *s = c->server;
	const struct http_route *route = NULL;
	unsigned refused = 400;

	http_head_strings(head, text);
	*r = (struct http_request){ .connection = c,
		.head = head,
		.text = text,
		.path = http_head_path(head, text),
		.listed = true,
		.live = true };
	TAILQ_INSERT_TAIL(&c->requests, r, entry);
	http_seats_hold(c, 0);
	c->pace.phase = PHASE_IDLE; /* of the next */
	http_request_enter(r, PHASE_BODY, 0);
	s->totals.requests++;
	s->totals.open++;
	if (framing_read(r, head, text)) {
		r->method = method_from(text + head->method.at);
		route = find_route(s, r);
		refused = body_refused(s, r, route);
	}
	if (refused) {
		http_refuse(c, r, refused);
		return false;
	}
	r->route = c->last = route;
	route_request(s, r);
	return true;
}

bool http_request_piece(struct http_request *r, struct bytes piece)
{
	struct http_server *s = r->connection->server;

	s->totals.body_bytes += piece.size;
	r->pace.moving += piece.size;
	r->moved = loop_now(s->loop);
	if (piece.size > s->options.body_max - r->received) {
		http_refuse(r->connection, r, 413);
		return false;
	}
	r->received += piece.size;
	if (!r->responded && r->route && r->route->body)
		r->route->body(r->route->context, r, piece);
	return true;
}

char *http_request_into(struct http_request *r, size_t *room)
{
	if (r->responded || !r->route || !r->route->into)
		return NULL;
	return r->route->into(r->route->context, r, room);
}

void http_request_complete(struct http_request *r)
{
	r->complete = true;
	if (r->responded)
		return;
	http_request_enter(r, PHASE_HANDLER, 0);
	r->route->complete(r->route->context, r);
}

/* The server. */

static const struct http_engine *const engines[] = {
	[HTTP_BY_MICROHTTPD] = &http_engine_microhttpd, [HTTP_DIRECT] = &http_engine_direct, [HTTP_2] = &http_engine_h2
};

/* What GnuTLS keeps of each connection is within the room, too. */
static void limit_tls_seats(struct http_server_options *o)
{
	size_t fit = o->room / TLS_SEAT;

	if (o->secure.keys && o->room > 0)
		o->connections_max = smaller(o->connections_max, fit > TLS_SEATS_LEAST ? fit : TLS_SEATS_LEAST);
}

int http_server_new(struct loop *loop, const struct http_server_options *options, const struct http_route *routes,
	struct http_server **ret)
{
	struct http_server *s;

	if (options->connections_max == 0)
		return -EINVAL;
	OXP_ASSERT(!options->secure.keys || options->engine != HTTP_BY_MICROHTTPD);
	s = oxp_new(sizeof *s);
	s->loop = loop;
	s->options = *options;
	s->options.name = oxp_strdup(options->name);
	limit_tls_seats(&s->options);
	s->busy_max = s->options.connections_max / BUSY_PART;
	s->routes = routes;
	s->engine = engines[options->engine];
	TAILQ_INIT(&s->connections);
	http_seats_init(s);
	http_pauses_init(s);
	greetings_init(s);
	lingers_init(&s->lingers, loop);
	loop_timer_init(&s->sweep, loop, sweep, s);
	*ret = s;
	return 0;
}

/* Not at a Unix socket: if its queue is full, a peer is refused at once, and the kernel does not try again a second
 * later. */
static int limit_waiting(const struct http_server *s, const struct listening *l)
{
	if (!s->options.waiting_max || l->path)
		return 0;
	return listen(l->fd, s->options.waiting_max) < 0 ? -errno : 0;
}

int http_server_listen(struct http_server *s, const char *address, uint16_t *ret_port)
{
	struct listening *l = &s->listening[s->addresses];
	int failed;

	if (s->addresses == HTTP_ADDRESSES_MAX)
		return -ENOSPC;
	failed = listening_open(l, address, &s->options.peers);
	if (failed)
		return failed;
	/* It goes with the server, also when the rest fails: then the caller gives up on it. */
	s->addresses++;
	failed = limit_waiting(s, l);
	if (failed)
		return failed;
	failed = s->engine_own ? 0 : s->engine->start(s);
	if (failed)
		return failed;
	http_seats_open(s, l->fd);
	if (ret_port)
		*ret_port = listening_port(l);
	return 0;
}

size_t http_server_quiesce(struct http_server *s)
{
	struct http_connection *c;

	http_seats_close(s);
	for (; s->addresses > 0; s->addresses--)
		listening_close(&s->listening[s->addresses - 1]);
	s->quiesced = true;
	http_server_go_on(s);
	if (s->engine->retire)
		TAILQ_FOREACH(c, &s->connections, entry)
			s->engine->retire(c);
	return s->totals.open;
}

void http_server_free(struct http_server *s)
{
	struct http_request *r;

	if (!s)
		return;
	s->ending = true;
	for (r = next_request(s, NULL); r; r = next_request(s, r))
		request_lost(r);
	http_seats_close(s);
	greetings_done(s);
	s->engine->stop(s);
	while (s->addresses > 0)
		listening_close(&s->listening[--s->addresses]);
	lingers_done(&s->lingers);
	http_pauses_done(s);
	loop_timer_done(&s->sweep);
	free((char *)s->options.name);
	free(s);
}

struct http_server_totals http_server_totals(const struct http_server *s)
{
	struct http_server_totals totals = s->totals;

	totals.connections += s->greetings.count;
	return totals;
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
	return http_head_field(r->head, r->text, name);
}

const char *http_request_query(const struct http_request *r, const char *name)
{
	return http_head_query(r->head, r->text, name);
}

const char *http_request_query_next(const struct http_request *r, const char *name, const char *value)
{
	return http_head_query_next(r->head, r->text, name, value);
}

bool http_request_asks(const struct http_request *r, const char *name)
{
	return http_head_asks(r->head, r->text, name);
}

bool http_request_is_known(const struct http_request *r)
{
	return r->connection->tls && tls_is_known(r->connection->tls);
}

int64_t http_request_content_length(const struct http_request *r)
{
	return r->content_length;
}

void http_request_tell(struct http_request *r, const char *name, const char *value)
{
	r->told = name;
	r->told_value = value;
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

struct bytes http_answer_constant(const struct http_answer *answer)
{
	if (answer->body)
		return (struct bytes){ NULL, 0 };
	return answer->page ? http_page_bytes(answer->page) : answer->constant;
}

void http_server_cut_page(struct http_server *s, const struct http_page *page)
{
	struct http_request *r, *next;

	for (r = next_request(s, NULL); r; r = next) {
		next = next_request(s, r);
		if (r->page == page && r->pace.phase == PHASE_ANSWER && r->connection->pace.phase != PHASE_OVER)
			cut_off_request(r);
	}
}

/* A body or an answer that moves now and then, so that it never ends, is as slow as one that does not. */
static bool is_slow(const struct http_request *r)
{
	const struct http_connection *c = r->connection;
	struct mono_time now = loop_now(c->server->loop);
	int64_t spent = duration_ms(mono_since(now, r->pace.since)), whole = r->content_length;
	bool body = r->pace.phase == PHASE_BODY;

	if (c->pace.phase == PHASE_OVER || (!body && r->pace.phase != PHASE_ANSWER))
		return false;
	if (mono_since(now, body ? r->moved : c->moved).ns > DURATION_MS(HTTP_SLOW_MS).ns || spent > HTTP_PRESSED_MS)
		return true;
	return body && whole > 0 && spent > HTTP_SLOW_MS &&
	       (double)spent * (double)whole > (double)HTTP_PRESSED_MS * (double)r->pace.moving;
}

static size_t held_by(const struct http_request *r)
{
	return r->pace.phase == PHASE_ANSWER ? r->answer_size : r->responded ? 0 : r->received;
}

bool http_server_cut_slow(struct http_server *s, const struct http_request *than)
{
	struct http_request *r, *most = NULL;
	struct http_connection *c;

	for (r = next_request(s, NULL); r; r = next_request(s, r))
		if (r != than && is_slow(r) && (!most || held_by(r) > held_by(most)))
			most = r;
	if (!most)
		return false;
	c = most->connection;
	cut_off_request(most);
	if (!s->engine->reset && s->engine->drops_handled)
		s->engine->drop(c);
	return true;
}

static bool has_room(const struct http_server *s, const struct http_answer *answer)
{
	size_t size = answer->body ? answer->body->size : 0, unsent = s->totals.unsent;

	return !s->options.answers_max || size <= SMALL_ANSWER || unsent == 0 ||
	       unsent + size <= s->options.answers_max;
}

/* An answer's own headers, and the request's. */
static void gather(const struct http_request *r, const char *const *own, struct http_pairs *pairs)
{
	for (; own && own[0]; own += 2)
		http_pairs_add(pairs, own[0], own[1]);
	if (r->told)
		http_pairs_add(pairs, r->told, r->told_value);
	http_cors_add(r, pairs);
}

void http_respond(struct http_request *r, const struct http_answer *answer)
{
	const struct http_answer full = try_later("too many answers wait to be read\n");
	struct http_server *s = r->connection->server;
	struct http_pairs pairs = { .count = 0 };
	struct http_answer whole;

	if (!has_room(s, answer)) {
		http_server_cut_slow(s, r);
		buffer_done(answer->body);
		answer = &full;
	}
	OXP_ASSERT(r->live && !r->responded);
	r->responded = true;
	r->close |= s->quiesced || is_old(r->connection);
	r->unsent = answer->body ? answer->body->size : 0;
	r->page = answer->page && !answer->body ? http_page_hold(answer->page) : NULL;
	r->answer_size = r->unsent ? r->unsent : http_answer_constant(answer).size;
	s->totals.unsent += r->unsent;
	s->totals.open--;
	whole = *answer;
	whole.headers = pairs.items;
	gather(r, answer->headers, &pairs);
	s->engine->answer(r, &whole);
}

void http_respond_text(struct http_request *r, unsigned status, const char *content_type, const char *text)
{
	size_t size = strlen(text);
	struct buffer body;

	buffer_init(&body, size ? size : 1);
	OXP_ASSERT(buffer_append(&body, text, size) == 0 && "out of memory");
	http_respond(r, &(struct http_answer){ .status = status, .content_type = content_type, .body = &body });
	buffer_done(&body);
}
