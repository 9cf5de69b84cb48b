/*
 * What stands between the server and what speaks HTTP for it. For agent/http/ only.
 *
 * server.c knows routes, limits, patience and totals; an engine knows sockets and the bytes on them. The engine makes
 * a `struct http_connection` for each peer and calls, for each request in turn: http_request_begin(),
 * http_request_piece() for what comes of the body, http_request_complete() at its end, http_request_end() when the
 * answer is out or the request is lost. When one of the first two says no, the peer has had its answer: the engine
 * closes and says no more.
 *
 * Who is out of patience is cut off by the server with shutdown(): the engine sees the end of the stream and closes.
 */
#ifndef OXP_HTTP_ENGINE_H
#define OXP_HTTP_ENGINE_H

#include "http/linger.h"
#include "http/listen.h"
#include "http/server.h"

enum { HTTP_ADDRESSES_MAX = 16 };

/* Where a connection stands; from `since` on its patience is counted. */
enum http_phase {
	PHASE_IDLE, /* kept, and nothing of a next request has come; libmicrohttpd minds such ones itself */
	PHASE_HEAD, /* the peer's turn: sending a head */
	PHASE_BODY, /* the peer's turn: sending the body */
	PHASE_HANDLER, /* our turn: waiting for http_respond() */
	PHASE_ANSWER, /* the peer's turn: taking the answer */
	PHASE_OVER, /* cut off */
};

/*
 * A request lives in its connection, which has one at a time.
 *
 * Invariant: live from begin to the answer's end or its loss; `close` is settled when `responded` is.
 */
struct http_request {
	const struct http_route *route; /* NULL when there was none for it */
	const char *path;
	void *context;
	enum http_method method;
	int64_t content_length;
	size_t received, answer_size;
	size_t unsent; /* of the totals' */
	struct http_page *page; /* of the answer, held until its end */
	bool live, complete, responded;
	bool close; /* the answer is the connection's last */
};

/* Embedded in the engine's own. */
struct http_connection {
	struct http_server *server;
	struct http_connection *next, **link;
	struct http_request request;
	enum http_phase phase;
	struct mono_time since, moved; /* moved: when the peer last took or gave something, as far as the engine sees */
	size_t moving; /* bytes of this phase, for the rate */
	int fd;
};

struct http_engine {
	/* Serves a listening socket, which stays the server's. 0 or -errno. */
	int (*listen)(struct http_server *, int listening) MUST_CHECK;
	/* Takes no new connections. The listening sockets are closed after it. */
	void (*quiesce)(struct http_server *);
	/* Closes every connection and frees what the engine has. */
	void (*stop)(struct http_server *);
	/* Takes over the answer, and sends it once the request's body has come to its end. */
	void (*answer)(struct http_request *, const struct http_answer *);
	const char *(*header)(const struct http_request *, const char *name);
	const char *(*query)(const struct http_request *, const char *name);
};
extern const struct http_engine http_engine_microhttpd, http_engine_direct;

struct http_server {
	struct loop *loop;
	struct http_server_options options;
	const struct http_route *routes;
	const struct http_engine *engine;
	void *engine_own; /* NULL until the engine's first listen() */
	struct http_connection *connections;
	struct lingers lingers;
	struct loop_timer sweep;
	struct listening listening[HTTP_ADDRESSES_MAX];
	size_t addresses;
	struct http_server_totals totals;
	bool quiesced, ending;
};

static inline struct http_connection *http_connection_of(const struct http_request *r)
{
	return CONTAINER_OF(r, struct http_connection, request);
}

/* What the head says about the body's length; each header is shown to it. */
struct http_framing {
	unsigned lengths, codings;
	const char *length, *coding;
};
void http_framing_see(struct http_framing *, const char *name, const char *value);

void http_connection_begin(struct http_connection *, struct http_server *, int fd);
void http_connection_end(struct http_connection *); /* its requests have ended before */
void http_connection_enter(struct http_connection *, enum http_phase, size_t moving);

/* `path` stays valid until the end of the request. */
bool http_request_begin(
	struct http_connection *, const char *method, const char *path, const struct http_framing *) MUST_CHECK;
bool http_request_piece(struct http_connection *, struct bytes piece) MUST_CHECK;
/* Calls the handler, unless there is an answer already. */
void http_request_complete(struct http_connection *);
void http_request_end(struct http_connection *);
/* Counts and answers what the engine found broken, before begin or after it: the connection is to be closed. */
void http_refuse(struct http_connection *, unsigned status);
const char *http_reason(unsigned status);
/* The body of an answer, unless it moves to the engine: it stays where it is until http_request_end(). */
struct bytes http_answer_constant(const struct http_answer *);

#endif
