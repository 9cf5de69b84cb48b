/*
 * What stands between the server and what speaks HTTP for it. For agent/http/ only.
 *
 * serving.c knows routes, limits, patience and totals; an engine knows sockets and the bytes on them. The engine makes
 * a `struct http_connection` for each peer and a `struct http_request` for each request, and calls for it:
 * http_request_begin(), http_request_piece() for what comes of the body, http_request_complete() at its end,
 * http_request_end() when the answer is out or the request is lost. When one of the first two says no, the peer has had
 * its answer: the engine ends the request and says no more of it. HTTP/1.1 has one request at a time, HTTP/2 many.
 *
 * A connection can be ended early in two ways. If it was too slow, or holds memory that others need, it is cut off with
 * shutdown(): the engine sees the end of the stream and closes in a callback of its own, so a handler may cause it. If
 * another peer gets its seat, it is evicted with drop(), which closes at once; so that is never called from a handler,
 * nor within a library. A request that shares its connection with others is cut off alone, with reset().
 */
#ifndef OXP_HTTP_ENGINE_H
#define OXP_HTTP_ENGINE_H

#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/head.h"
#include "http/linger.h"
#include "http/listen.h"
#include "http/server.h"
#include "loop/loop.h"

/* What a connection without requests is doing, or a request; its patience runs from `since`. */
enum http_phase {
	PHASE_IDLE, /* nothing of a request has come, or of the next */
	PHASE_HEAD, /* the peer's turn: sending a head */
	PHASE_BODY, /* the peer's turn: sending the body */
	PHASE_HANDLER, /* our turn: waiting for http_respond() */
	PHASE_ANSWER, /* the peer's turn: taking the answer */
	PHASE_OVER, /* cut off */
};

struct http_request;
TAILQ_HEAD(http_request_list, http_request);

struct http_pace {
	enum http_phase phase;
	struct mono_time since;
	size_t moving; /* bytes of this phase, for the rate */
};

/*
 * Embedded in the engine's own.
 *
 * Invariant: live from begin to the answer's end or its loss, and in its connection's list from begin to end; its phase
 * is BODY, HANDLER or ANSWER; `close` is settled when `responded` is.
 */
struct http_request {
	struct http_connection *connection;
	TAILQ_ENTRY(http_request) entry;
	struct http_pace pace;
	struct mono_time moved; /* when the peer last gave something of it, or the engine last sent something */
	const struct http_route *route; /* NULL when there was none for it */
	const struct http_head *head; /* the engine's, as its text is, until the request ends */
	const char *text; /* the head as it came, in strings; `path` is in it */
	const char *path;
	void *context;
	const char *told, *told_value; /* a header of the answer; NULL: none */
	enum http_method method;
	int64_t content_length;
	size_t received, answer_size;
	size_t unsent; /* of the totals' */
	struct http_page *page; /* of the answer, held until its end */
	bool listed, live, complete, responded;
	bool close; /* the answer is the connection's last */
};

/*
 * Embedded in the engine's own.
 *
 * Invariant: a server's connections stand in the order in which their silence, or the request that is not whole yet,
 * began: the oldest first. The phase is IDLE, HEAD or OVER; and ANSWER where bytes wait that are no request's.
 */
struct http_connection {
	struct http_server *server;
	TAILQ_ENTRY(http_connection) entry;
	struct http_request_list requests; /* begun and not ended, the oldest first */
	struct http_pace pace;
	struct mono_time born, moved; /* moved: when the peer last took something, as far as anybody sees */
	size_t peeked; /* bytes that were looked at and are still the kernel's */
	size_t head_size; /* of a head that is not whole (seats.c) */
	uint64_t taken; /* of the answer by the peer, when it was last looked at (seats.c) */
	void (*closed)(void *context); /* of who watches it; NULL: nobody does */
	void *watcher;
	const struct http_route *last; /* of the last request; NULL: none */
	TAILQ_ENTRY(http_connection) pause; /* while it is paused (pause.c) */
	bool paused;
	int fd;
	struct tls *tls; /* what is spoken over it; NULL: nothing, it is in the clear */
};
TAILQ_HEAD(http_connection_list, http_connection);

struct http_engine {
	bool chunked; /* whether it reads bodies that come in chunks; others are answered 411 */
	bool drops_handled; /* whether drop() is fine while a handler has the request, which then hears gone() */

	/* Before the first connection. 0 or -errno. */
	int (*start)(struct http_server *) MUST_CHECK;
	/* A peer has come: takes over its socket, and what is spoken over it. */
	void (*take)(struct http_server *, int fd, struct tls *);
	/* Ends a connection at once, without a word. With drops_handled also while a handler has the request. */
	void (*drop)(struct http_connection *);
	/* Ends one request at once and leaves the others of its connection alone. NULL: it has a connection of its own,
	 * which is ended instead. */
	void (*reset)(struct http_request *);
	/* Tells the peer, as the last of a request that is not whole, or of a connection if that is NULL, that it is
	 * answered with `status`: 400 and so on. What was sent before is whole. */
	void (*last_word)(struct http_connection *, struct http_request *, unsigned status);
	/* Tells the peer to make its next requests elsewhere, and closes when the ones under way have ended. May be
	 * called again. NULL: a request's `close` is enough. */
	void (*retire)(struct http_connection *);
	/* Closes every connection and frees what the engine has. Fine without start. */
	void (*stop)(struct http_server *);
	/* Reads on from a connection that was paused (pause.h). NULL if it asks nobody before it reads. */
	void (*read_on)(struct http_connection *);
	/* Takes over the answer, and sends it once the request's body has come to its end. */
	void (*answer)(struct http_request *, const struct http_answer *);
};
extern const struct http_engine http_engine_microhttpd, http_engine_direct, http_engine_h2;

/*
 * Who has a seat; written by seats.c only.
 *
 * Invariant: a listening socket is watched, unless nobody could be let in a moment ago (`again` is set) or the server
 * ends.
 */
struct http_seats {
	struct loop_watch listeners[HTTP_ADDRESSES_MAX];
	size_t listeners_count;
	struct loop_timer again;
	int spare; /* a descriptor for want of others, or -1 */
	size_t heads_size, heads_max; /* of heads that are not whole */
	struct mono_time looked; /* when the sweep last looked what peers had taken */
};

/* Written by pause.c only. */
struct http_pauses {
	struct http_connection_list list;
	struct loop_soon soon;
};

struct http_greeting;
TAILQ_HEAD(http_greeting_list, http_greeting);

/* A server's; written by greet.c only. Invariant: `all` has the oldest first; `turns` are those of them that are
 * readable and wait for `next`. */
struct http_greetings {
	struct http_greeting_list all, turns;
	size_t count;
	struct mono_time rest; /* the loop is others' until then */
	struct loop_timer next;
};

struct http_server {
	struct loop *loop;
	struct http_server_options options;
	const struct http_route *routes;
	const struct http_engine *engine;
	void *engine_own; /* NULL before start() */
	struct http_connection_list connections;
	struct http_seats seats;
	struct http_pauses pauses;
	struct http_greetings greetings;
	struct lingers lingers;
	struct loop_timer sweep;
	struct listening listening[HTTP_ADDRESSES_MAX];
	size_t addresses;
	struct http_server_totals totals;
	size_t watched; /* connections */
	size_t busy_max; /* requests of one route that may wait, if it has a limit */
	bool quiesced, ending;
};

void http_connection_begin(struct http_connection *, struct http_server *, int fd);
/* Closes the socket, and ends what was spoken over it. */
static inline void http_connection_close(struct http_connection *c)
{
	tls_bye(c->tls);
	tls_free(c->tls);
	c->tls = NULL;
	close(c->fd);
}
void http_connection_end(struct http_connection *); /* its requests have ended before */
/* As linger_start(), behind the last word. */
static inline void http_connection_linger(struct http_connection *c)
{
	tls_bye(c->tls);
	linger_start(&c->server->lingers, c->fd);
}
/* As recv() and sendmsg(), which they are in the clear. */
static inline ssize_t http_receive(const struct http_connection *c, void *to, size_t room)
{
	return c->tls ? tls_recv(c->tls, to, room) : recv(c->fd, to, room, MSG_DONTWAIT);
}
static inline ssize_t http_send(const struct http_connection *c, struct iovec *parts, size_t count)
{
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };

	if (c->tls)
		return tls_send(c->tls, parts, count);
	if (count == 1)
		return send(c->fd, parts->iov_base, parts->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}
/* Whether bytes were read that no watch will tell of. */
static inline bool http_has_more(const struct http_connection *c)
{
	return c->tls && tls_pending(c->tls);
}
/* The peer has closed it, or it was reset. Before its requests end. */
void http_connection_lost(const struct http_connection *);
void http_connection_enter(struct http_connection *, enum http_phase, size_t moving);
/* What its requests make of it: HANDLER if one is being handled, else ANSWER, else BODY, else its own. */
enum http_phase http_connection_phase(const struct http_connection *);
void http_connection_evict(struct http_connection *); /* its seat is wanted */

void http_request_evict(struct http_request *); /* its place is wanted, if reset() is there */

/* A whole head, in `text`, which stays there until the end of the request; makes strings of it (head.h). */
bool http_request_begin(struct http_connection *, struct http_request *, struct http_head *, char *text) MUST_CHECK;
bool http_request_piece(struct http_request *, struct bytes piece) MUST_CHECK;
/* Where to receive the next piece of at most *room bytes (see into() of a route); NULL: in memory of the engine's. */
char *http_request_into(struct http_request *, size_t *room);
void http_request_enter(struct http_request *, enum http_phase, size_t moving);
/* Calls the handler, unless there is an answer already. */
void http_request_complete(struct http_request *);
void http_request_end(struct http_request *); /* fine twice, and on zeroed memory */
/* Counts and answers what the engine found broken, before begin (NULL) or after it: no more of it is to be read. */
void http_count_refused(struct http_server *, unsigned status);
void http_refuse(struct http_connection *, struct http_request *, unsigned status);
void http_seat_left(struct http_server *); /* by a handshake that has failed */
void http_sweep_soon(struct http_server *); /* looks now and then who is late */
/* Headers of an answer. Invariant: `items` are pairs and end with NULL. */
enum { HTTP_PAIRS_MAX = 16 };
struct http_pairs {
	const char *items[2 * HTTP_PAIRS_MAX + 1];
	size_t count; /* of items */
};
void http_pairs_add(struct http_pairs *, const char *name, const char *value); /* aborts beyond HTTP_PAIRS_MAX */

/* last_word() of HTTP/1.1, past the engine. */
void http_last_word(struct http_connection *, struct http_request *, unsigned status);
const char *http_reason(unsigned status);
/* The body of an answer, unless it moves to the engine: it stays where it is until http_request_end(). */
struct bytes http_answer_constant(const struct http_answer *);

#endif
