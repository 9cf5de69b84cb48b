#include "http/seats.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/engine.h"
#include "http/greet.h"

enum { ACCEPTS_MAX = 16, FULL_MS = 20, STARVED_MS = 100 };

/* Which connection gives way. */

/* Whether something has come that its callback has not seen yet. */
static bool is_about_to_speak(const struct http_connection *c)
{
	int waiting = 0;

	return ioctl(c->fd, FIONREAD, &waiting) == 0 && waiting > 0 && (size_t)waiting > c->peeked;
}

static bool is_unfinished(const struct http_connection *c)
{
	enum http_phase phase = http_connection_phase(c);

	return (phase == PHASE_IDLE && !c->closed) || phase == PHASE_HEAD || phase == PHASE_BODY;
}

static bool is_stuck(const struct http_connection *c)
{
	return http_connection_phase(c) == PHASE_ANSWER && c->moved.ns < c->server->seats.looked.ns;
}

/* Whether the peer has closed, or will say no more, which looks the same. */
static bool has_ended(const struct http_connection *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0;
}

/* A connection whose request a handler has, although its peer seems to have left. */
static struct http_connection *who_is_gone(const struct http_server *s)
{
	struct http_connection *c;

	if (!s->engine->drops_handled)
		return NULL;
	TAILQ_FOREACH(c, &s->connections, entry)
		if (http_connection_phase(c) == PHASE_HANDLER && has_ended(c))
			return c;
	return NULL;
}

/* They are in the order of their ages, the oldest first. */
static struct http_connection *who_goes(const struct http_server *s)
{
	struct http_connection *c, *stuck = NULL;

	TAILQ_FOREACH(c, &s->connections, entry) {
		if (is_unfinished(c) && !is_about_to_speak(c))
			return c;
		if (is_stuck(c) && (!stuck || c->moved.ns < stuck->moved.ns))
			stuck = c;
	}
	return stuck ? stuck : who_is_gone(s);
}

/* Whether a handshake gives way before it: one is silent, or unfinished, for longer. Any goes before an answer that is
 * stuck, and before a request that is handled. */
static bool is_oldest_greeting(const struct http_server *s, const struct http_connection *c)
{
	struct mono_time oldest = greetings_oldest(s);
	const struct http_request *r = c ? TAILQ_FIRST(&c->requests) : NULL;

	if (!c || !is_unfinished(c))
		return oldest.ns < INT64_MAX;
	return oldest.ns < (r ? r->pace.since : c->pace.since).ns;
}

static struct http_connection *oldest_other_head(const struct http_connection *than)
{
	struct http_connection *c;

	TAILQ_FOREACH(c, &than->server->connections, entry)
		if (c != than && c->head_size > 0)
			return c;
	return NULL;
}

void http_seats_hold(struct http_connection *c, size_t bytes)
{
	struct http_seats *p = &c->server->seats;
	struct http_connection *victim;

	p->heads_size += bytes - c->head_size;
	c->head_size = bytes;
	while (p->heads_size > p->heads_max && (victim = oldest_other_head(c)))
		http_connection_evict(victim);
}

/* Progress of answers. */

/* A number that changes when the peer reads something: the bytes that it has acknowledged, or, at a Unix socket, those
 * that it has not read. */
static uint64_t taken(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof info;
	int unread = 0;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
		size >= offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked)
		return info.tcpi_bytes_acked;
	return ioctl(fd, SIOCOUTQ, &unread) == 0 ? (uint64_t)unread : 0;
}

void http_seats_look(struct http_server *s)
{
	struct http_connection *c;

	s->seats.looked = loop_now(s->loop);
	TAILQ_FOREACH(c, &s->connections, entry) {
		uint64_t now = http_connection_phase(c) == PHASE_ANSWER ? taken(c->fd) : 0;
		if (now != c->taken)
			c->moved = s->seats.looked;
		c->taken = now;
	}
}

/* Doors. */

static void watch_listeners(struct http_server *s)
{
	struct http_seats *p = &s->seats;
	bool open = !s->ending && !loop_timer_pending(&p->again);

	for (size_t i = 0; i < p->listeners_count; i++)
		loop_watch_set(&p->listeners[i], open ? WATCH_READ : 0);
}

static void on_again(void *context)
{
	watch_listeners(context);
}

static void rest(struct http_server *s, int ms)
{
	loop_timer_set(&s->seats.again, DURATION_MS(ms));
	watch_listeners(s);
}

void http_seats_renew(struct http_server *s)
{
	struct http_seats *p = &s->seats;

	if (p->spare < 0 && p->listeners_count > 0)
		p->spare = fcntl(p->listeners[0].fd, F_DUPFD_CLOEXEC, 0);
}

/* accept4() reports that there is no descriptor before it checks for a peer. */
static bool somebody_waits(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

enum { NOBODY = -1, NO_DESCRIPTOR = -2, NO_SEAT = -3 };

static int accept_peer(struct http_server *s, int listener)
{
	int peer = unix_peers_accept(&s->options.peers, listener);

	if (peer >= 0 || !listening_starved(errno))
		return peer;
	if (!somebody_waits(listener))
		return NOBODY;
	if (s->seats.spare < 0)
		return NO_DESCRIPTOR;
	close(s->seats.spare);
	s->seats.spare = -1;
	peer = unix_peers_accept(&s->options.peers, listener);
	return peer < 0 && listening_starved(errno) ? NO_DESCRIPTOR : peer;
}

/* The listening socket, which is still ready, will be asked again at once if there is a descriptor now. */
static void make_descriptor(struct http_server *s)
{
	struct http_connection *victim = who_goes(s);

	if (is_oldest_greeting(s, victim))
		greetings_evict(s);
	else if (victim)
		http_connection_evict(victim);
	else
		rest(s, STARVED_MS);
}

static bool is_unix(const struct http_server *s, int listener)
{
	for (size_t i = 0; i < s->addresses; i++)
		if (s->listening[i].fd == listener)
			return s->listening[i].path;
	return false;
}

/* False: nobody was accepted, because there was no peer, no seat or no descriptor. A connection gives way only if a
 * peer is there. */
static bool let_one_in(struct http_server *s, int fd)
{
	bool full = s->totals.connections + s->greetings.count >= s->options.connections_max;
	struct http_connection *victim = full ? who_goes(s) : NULL;
	bool greeting = full && is_oldest_greeting(s, victim);
	int peer = full && !victim && !greeting ? NO_SEAT : accept_peer(s, fd);

	if (peer == NO_SEAT)
		rest(s, FULL_MS);
	else if (peer == NO_DESCRIPTOR)
		make_descriptor(s);
	if (peer < 0)
		return false;
	if (greeting)
		greetings_evict(s);
	else if (victim)
		http_connection_evict(victim);
	if (s->options.secure.keys && !is_unix(s, fd))
		greetings_begin(s, peer);
	else
		s->engine->take(s, peer, NULL);
	return true;
}

static void on_listener(void *context, int fd, unsigned what)
{
	struct http_server *s = context;

	(void)what;
	http_seats_renew(s);
	for (int i = 0; i < ACCEPTS_MAX && let_one_in(s, fd); i++)
		;
}

void http_seats_init(struct http_server *s)
{
	loop_timer_init(&s->seats.again, s->loop, on_again, s);
	s->seats.spare = -1;
	s->seats.heads_max = HTTP_HEADS_MAX;
	if (s->options.room > 0)
		s->seats.heads_max = smaller(HTTP_HEADS_MAX, s->options.room / 4);
}

void http_seats_open(struct http_server *s, int listening)
{
	struct loop_watch *watch = &s->seats.listeners[s->seats.listeners_count++];

	loop_watch_init(watch, s->loop, listening, on_listener, s);
	watch->priority = s->options.priority;
	http_seats_renew(s);
	watch_listeners(s);
}

void http_seats_close(struct http_server *s)
{
	while (s->seats.listeners_count > 0)
		loop_watch_done(&s->seats.listeners[--s->seats.listeners_count]);
	loop_timer_done(&s->seats.again);
	if (s->seats.spare >= 0)
		close(s->seats.spare);
	s->seats.spare = -1;
}

void http_seats_left(struct http_server *s)
{
	http_seats_renew(s);
	loop_timer_clear(&s->seats.again);
	watch_listeners(s);
}
