#include "http/greet.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/engine.h"

enum { PEER_MAX = INET6_ADDRSTRLEN };

union peer {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Invariant: `tls` is NULL while it is asked for the pair; in `turns` while `waits`, and then not watched. */
struct http_greeting {
	struct http_server *server;
	TAILQ_ENTRY(http_greeting) entry, turn;
	struct tls_ask ask;
	struct tls *tls;
	struct loop_watch watch;
	struct mono_time since;
	union peer peer;
	bool waits;
};

static void leave_turns(struct http_greeting *g)
{
	if (g->waits)
		TAILQ_REMOVE(&g->server->greetings.turns, g, turn);
	g->waits = false;
}

/* The socket and what is spoken over it are the caller's now. */
static void greeting_free(struct http_greeting *g)
{
	leave_turns(g);
	tls_ask_cancel(&g->ask);
	loop_watch_done(&g->watch);
	TAILQ_REMOVE(&g->server->greetings.all, g, entry);
	g->server->greetings.count--;
	free(g);
}

static void tell(const struct http_greeting *g, enum tls_fault fault, const char *why)
{
	const struct http_secure *secure = &g->server->options.secure;
	const struct in6_addr *v6 = &g->peer.v6.sin6_addr;
	char peer[PEER_MAX] = "?";

	if (g->peer.any.sa_family == AF_INET)
		(void)!inet_ntop(AF_INET, &g->peer.v4.sin_addr, peer, sizeof peer);
	else if (g->peer.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(v6))
		(void)!inet_ntop(AF_INET, &v6->s6_addr[12], peer, sizeof peer);
	else if (g->peer.any.sa_family == AF_INET6)
		(void)!inet_ntop(AF_INET6, v6, peer, sizeof peer);
	secure->greeted(secure->context, peer, fault, why);
}

static void give_up(struct http_greeting *g, enum tls_fault fault, const char *why)
{
	struct http_server *s = g->server;
	struct tls *tls = g->tls;
	int fd = g->watch.fd;

	if (!s->ending)
		tell(g, fault, why);
	greeting_free(g);
	if (fault == TLS_PLAIN || fault == TLS_PROTOCOL || fault == TLS_CLIENT)
		linger_start(&s->lingers, fd); /* it has been told why */
	tls_free(tls);
	close(fd);
	http_seat_left(s);
}

static void hand_over(struct http_greeting *g)
{
	struct http_server *s = g->server;
	struct tls *tls = g->tls;
	int fd = g->watch.fd;

	tell(g, TLS_NONE, NULL);
	greeting_free(g);
	s->engine->take(s, fd, tls);
}

static void step(struct http_greeting *g)
{
	struct http_server *s = g->server;
	const struct clock *clock = loop_clock(s->loop);
	struct mono_time began = clock->mono(clock), ended;
	enum tls_step became = tls_greet(g->tls);

	ended = clock->mono(clock);
	s->greetings.rest.ns = ended.ns + mono_since(ended, began).ns;
	if (became == TLS_DONE)
		hand_over(g);
	else if (became == TLS_BROKEN)
		give_up(g, tls_fault(g->tls), tls_why(g->tls));
	else
		loop_watch_set(&g->watch, WATCH_READ);
}

static void wake_next(struct http_server *s)
{
	struct duration left = mono_since(s->greetings.rest, loop_now(s->loop));

	if (!TAILQ_EMPTY(&s->greetings.turns) && !loop_timer_pending(&s->greetings.next))
		loop_timer_set(&s->greetings.next, left.ns > 0 ? left : DURATION_MS(0));
}

static void on_next(void *context)
{
	struct http_server *s = context;
	struct http_greeting *g = TAILQ_FIRST(&s->greetings.turns);

	if (g) {
		leave_turns(g);
		step(g);
	}
	wake_next(s);
}

static void on_bytes(void *context, int fd, unsigned what)
{
	struct http_greeting *g = context;
	struct http_server *s = g->server;

	(void)fd, (void)what;
	if (TAILQ_EMPTY(&s->greetings.turns) && loop_now(s->loop).ns >= s->greetings.rest.ns) {
		step(g);
		return;
	}
	loop_watch_set(&g->watch, 0);
	g->waits = true;
	TAILQ_INSERT_TAIL(&s->greetings.turns, g, turn);
	wake_next(s);
}

static void on_pair(struct tls_ask *ask, struct tls_pair *pair)
{
	struct http_greeting *g = CONTAINER_OF(ask, struct http_greeting, ask);
	enum tls_speaks speaks = g->server->options.engine == HTTP_2 ? TLS_HTTP_2 : TLS_HTTP_1;

	if (tls_new(pair, g->watch.fd, speaks, &g->tls) != 0)
		give_up(g, TLS_LATE, "there is no memory for it");
	else
		loop_watch_set(&g->watch, WATCH_READ);
}

void greetings_begin(struct http_server *s, int fd)
{
	struct http_greeting *g = oxp_new(sizeof *g);
	socklen_t size = sizeof g->peer;

	(void)!getpeername(fd, &g->peer.any, &size);
	if (s->greetings.count >= s->options.connections_max / GREET_PART && s->greetings.count > 0)
		greetings_evict(s);
	g->server = s;
	g->since = loop_now(s->loop);
	TAILQ_INSERT_TAIL(&s->greetings.all, g, entry);
	s->greetings.count++;
	loop_watch_init(&g->watch, s->loop, fd, on_bytes, g);
	g->watch.priority = s->options.priority;
	http_sweep_soon(s);
	tls_keys_ask(s->options.secure.keys, &g->ask, on_pair);
}

void greetings_sweep(struct http_server *s)
{
	struct http_greeting *g;

	while ((g = TAILQ_FIRST(&s->greetings.all)) &&
		mono_since(loop_now(s->loop), g->since).ns > DURATION_MS(GREET_MS).ns)
		give_up(g, TLS_LATE, "it took too long");
}

struct mono_time greetings_oldest(const struct http_server *s)
{
	const struct http_greeting *g = TAILQ_FIRST(&s->greetings.all);

	return g ? g->since : (struct mono_time){ INT64_MAX };
}

void greetings_evict(struct http_server *s)
{
	struct http_greeting *g = TAILQ_FIRST(&s->greetings.all);

	OXP_ASSERT(g);
	s->totals.evicted++;
	if (s->options.evicted)
		++*s->options.evicted;
	give_up(g, TLS_LATE, "its seat was wanted");
}

void greetings_init(struct http_server *s)
{
	TAILQ_INIT(&s->greetings.all);
	TAILQ_INIT(&s->greetings.turns);
	loop_timer_init(&s->greetings.next, s->loop, on_next, s);
}

void greetings_done(struct http_server *s)
{
	struct http_greeting *g;

	while ((g = TAILQ_FIRST(&s->greetings.all)))
		give_up(g, TLS_LATE, "the process ends");
	loop_timer_done(&s->greetings.next);
}
