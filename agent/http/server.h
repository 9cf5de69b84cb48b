/*
 * The HTTP server. One of three engines speaks HTTP for it: libmicrohttpd; the direct one, which serves a usual request
 * with one recv() and one send(); or the one of HTTP/2, on nghttp2. The code that makes a server chooses. All have the
 * same ceilings and give seats away by the same rule (seats.h). The two of HTTP/1.1 read heads with head.h and pass the
 * same tests; with libmicrohttpd a connection ends with its first answer, and a chunked body is answered 411. In HTTP/2
 * a request that is too slow or too large is ended alone, and an answer may come before the body has ended.
 *
 * One `struct http_server` holds the routes of one purpose (the probes and /metrics, an OTLP door, the control
 * socket) and listens on one or more addresses: `host:port`, `:port`, `unix:/path`. A dead socket file is replaced; a
 * live one is refused (-EADDRINUSE).
 *
 * A head must arrive within twice `idle`; beyond that time, a body or an answer must move HTTP_RATE_MIN bytes a second.
 * So no peer keeps its seat with a byte now and then: a slower one gets 408, or is cut off if an answer is under way.
 * If others wait for its seat, it loses it much sooner (503).
 *
 * A request goes: begin() when the headers are in → body() for each piece → complete() → exactly one http_respond(),
 * now or from a later callback. If the peer goes away or a limit is exceeded first, gone() is called instead, and no
 * http_respond() may follow. Limits exceeded before complete() are answered here (413, 431, 408) and counted. The
 * callbacks run inside the engine: they must not call http_server_free() or http_server_quiesce().
 *
 * A handler never sees requests of web pages of other origins (origin.h). They are answered 403, and the body names the
 * option that allows them. Pages of origins that `origins` lists may send, and read the answers (cors.h): the server
 * answers their preflights itself, and adds what their browsers ask for to every answer but those to malformed heads.
 */
#ifndef OXP_HTTP_SERVER_H
#define OXP_HTTP_SERVER_H

#include "base/bytes.h"
#include "base/peer_process.h"
#include "http/origin.h"
#include "http/page.h"
#include "http/tls_keys.h"
#include "http/unix_peers.h"
#include "loop/loop.h"

enum { HTTP_ADDRESSES_MAX = 16 }; /* of one server */
enum {
	HTTP_RATE_MIN = 1024, /* bytes a second */
	HTTP_SLOW_MS = 1000, /* a peer that has moved nothing for longer may be cut off for others */
	HTTP_PRESSED_MS = 10000, /* and so may one that takes longer for all of it, or will at this pace */
};

struct http_server;
struct http_request;

enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_HEAD, HTTP_METHOD_OTHER };

/* What a handler does about a piece of body. */
enum http_take { HTTP_TAKEN, HTTP_ANSWERED /* http_respond() was called: the rest of the body is read and dropped */ };

struct http_route {
	enum http_method method; /* HEAD is served by GET routes */
	const char *path; /* exact, without the query; * is any, for the last rows */
	/* Headers are in. May answer at once (HTTP_ANSWERED). Sets the request's own context with http_context_set().
	 * NULL is the same as HTTP_TAKEN. */
	enum http_take (*begin)(void *route_context, struct http_request *);
	/* A piece of the body, borrowed for the call. NULL for routes without a body: a body is answered 400,
	 * unread. */
	enum http_take (*body)(void *route_context, struct http_request *, struct bytes piece);
	void (*complete)(void *route_context, struct http_request *);
	/* The request will never be answered (peer gone, limit broken, server stops). Frees what the handler
	 * attached. May be NULL. Not called after http_respond(). */
	void (*gone)(void *route_context, struct http_request *);
	void *context;
	/* How many of its answers may be under way at a time; one more cuts off the oldest. Requests of this route may
	 * wait in a quarter of the seats, or as many as `room` has place for; one more is answered 503. 0: neither
	 * limit. */
	size_t at_once;
	bool open; /* to everybody: `allows` of the server is not asked */
	/* Where the next piece of the body, of up to *room bytes, is to be received, so that body() need not copy it;
	 * *room becomes what there is room for. NULL: nowhere, and *room stays. body() gets pieces from elsewhere, too.
	 * May be NULL. */
	char *(*into)(void *route_context, struct http_request *, size_t *room);
	/* Whether there is enough to do for now: a connection whose last request was of this route is not read before
	 * http_server_go_on(). That comes within a fraction of a second, since nobody's patience takes account of it.
	 * Not with libmicrohttpd. NULL: never. */
	bool (*enough)(void *route_context);
};

/* A route for what is not served, whose begin() answers each request: what follows of a body is dropped. */
struct http_route http_route_refusing(enum http_method, const char *path,
	enum http_take (*begin)(void *route_context, struct http_request *), void *context);

/* The engines. */
enum http_speaker {
	HTTP_BY_MICROHTTPD,
	HTTP_DIRECT,
	HTTP_2, /* in the clear, to peers that know (RFC 9113, 3.3): what gRPC speaks */
};

/* TLS on all addresses of a server but Unix sockets (greet.h), and who may ask there. */
struct http_secure {
	struct tls_keys *keys; /* NULL: in the clear; they outlive the server */
	/* A handshake has ended: TLS_NONE, or it failed for that reason. `peer` is its address. */
	void (*greeted)(void *context, const char *peer, enum tls_fault, const char *why);
	/* Whether a request that came over TCP has the credentials that are asked for; if not, it is answered 401, or
	 * UNAUTHENTICATED over gRPC. NULL: none are. */
	bool (*allows)(void *context, const struct http_request *);
	void *context;
};

struct http_server_options {
	const char *name; /* for counters and logs */
	size_t body_max; /* bytes on the wire; beyond: 413 and the connection closes */
	size_t connections_max; /* of all addresses together; beyond that see seats.h */
	/* Most bytes of bodies that peers have not read. Beyond that, slow peers are cut off (http_server_cut_slow()),
	 * and the next answer is replaced by 503, unless it is small or the only one. 0: no limit; the handler takes
	 * care. */
	size_t answers_max;
	/* Bytes that all peers together can make the server hold beside bodies and answers: heads, what the library of
	 * HTTP/2 keeps, bytes that are not read. In a small one it has fewer seats. 0: each has its usual ceiling. */
	size_t room;
	struct duration age; /* an older connection is closed after an answer; 0: at no age */
	struct duration idle; /* a connection without traffic is closed after this, at least 1 s */
	enum loop_priority priority;
	struct unix_peers peers; /* of its Unix sockets */
	enum http_speaker engine;
	int waiting_max; /* TCP connections that the kernel keeps until they are let in; 0: as listen.c has it */
	uint64_t *evicted; /* counts connections that lost their seat to others; may be NULL */
	/* Counts requests that the server refuses itself: malformed, too large, too slow. May be NULL. */
	uint64_t *refused;
	struct http_secure secure; /* its TLS not with libmicrohttpd */
	struct http_origins origins; /* web pages that are allowed; the lists outlive the server */
	/* A request is about to be answered 403, 404 or 405 without a handler; `why` is the answer's body. May be
	 * NULL. */
	void (*declined)(void *context, const struct http_request *, unsigned status, const char *why);
	/* A peer has closed its connection in the middle of a request's body, as one does that is killed. Not with
	 * libmicrohttpd. May be NULL. */
	void (*broke_off)(void *context);
	void *context;
};

/* `routes` ends with a row without a path and outlives the server. An unknown path answers 404, a known path with
 * another method 405 with Allow; both say what is served. 0, or -EINVAL if connections_max is 0. */
int http_server_new(struct loop *, const struct http_server_options *, const struct http_route *routes,
	struct http_server **ret) MUST_CHECK;
/* Adds one address (listen.h). 0 or -errno (-EADDRINUSE, -EINVAL for an invalid address). If ret_port is given, it gets
 * the TCP port, for tests that ask for port 0. */
int http_server_listen(struct http_server *, const char *address, uint16_t *ret_port) MUST_CHECK;
/* Whatever has enough may be asked again. */
void http_server_go_on(struct http_server *);
/* Accepts no new connections and removes the socket files. Requests under way are finished, and kept connections close
 * after their next answer. Returns how many requests are still open. May be called again. */
size_t http_server_quiesce(struct http_server *);
void http_server_free(struct http_server *); /* calls gone() for open requests */

enum http_method http_request_method(const struct http_request *);
const char *http_request_path(const struct http_request *);
/* NULL if it is missing; the name in upper or lower case; valid until the answer. */
const char *http_request_header(const struct http_request *, const char *name);
const char *http_request_query(const struct http_request *, const char *name);
/* The value behind that one of the same name, which NULL stands before; NULL if there is none. */
const char *http_request_query_next(const struct http_request *, const char *name, const char *value);
/* Whether it has a value, or stands last in the query without one, as in ?verbose. */
bool http_request_asks(const struct http_request *, const char *name);
/* Whether its peer presented a certificate that is let in. */
bool http_request_is_known(const struct http_request *);
/* The announced Content-Length, or -1 when chunked. */
int64_t http_request_content_length(const struct http_request *);
/* The answer, whoever gives it, has this header, too. One for each request; both texts are constant. */
void http_request_tell(struct http_request *, const char *name, const char *value);
void http_context_set(struct http_request *, void *context);
void *http_context(const struct http_request *);

/*
 * Whoever watches the connection that a request came on is told once, by closed(), when it is gone: closed by either
 * side, reset, or with its server. A watched connection may be silent for as long as it likes: neither `idle` nor
 * `age` ends it, and between two requests it gives way to nobody. TCP asks now and then whether its peer still is
 * there.
 *
 * One watcher a connection, until it is gone. False: it is not watched, since the others must keep a quarter of the
 * seats. With the direct engine only. closed() is called within the engine, as the callbacks of a route are.
 */
bool http_request_watch(struct http_request *, void (*closed)(void *context), void *context) MUST_CHECK;
/* The process that made the connection: base/peer_process.h. */
bool http_request_process(const struct http_request *, char to[PEER_PROCESS_ROOM]) MUST_CHECK;
void *http_request_watcher(const struct http_request *); /* that context; NULL if nobody watches */

/* An answer. Its body is a buffer, whose memory moves to the server and is freed after sending; a page, which other
 * answers may share; or constant. Headers: pairs ending with NULL, copied. */
struct http_answer {
	unsigned status;
	const char *content_type;
	const char *const *headers;
	const char *const *trailers; /* pairs, copied; HTTP/2 only. Without a body they join the headers. */
	struct buffer *body; /* moved; may be NULL */
	struct http_page *page; /* held until it is sent; used if body is NULL */
	struct bytes constant; /* static memory, used if both are NULL */
};
void http_respond(struct http_request *, const struct http_answer *);
/* Cuts off peers that are still reading the page, so that it is released soon. */
void http_server_cut_page(struct http_server *, const struct http_page *);
/* Cuts off, of the peers that are slow with an answer or a body, the one that holds most. A peer is slow if it has
 * moved nothing for HTTP_SLOW_MS, or if all of it takes HTTP_PRESSED_MS. With the direct engine it is gone at once, and
 * what it held is free. `than` is the one that it is cut off for, and stays; NULL: nobody. False if there is none. */
bool http_server_cut_slow(struct http_server *, const struct http_request *than);
/* The same for one JSON or text constant or formatted text, which is copied. */
void http_respond_text(struct http_request *, unsigned status, const char *content_type, const char *text);
/* JSON that was written for it, which is freed; 500 if that failed. NULL, as its peer is gone: it is only freed. */
void http_respond_json(struct http_request *, struct buffer *written, int failed);

/* Totals, for counters. */
struct http_server_totals {
	uint64_t requests; /* whose head was read */
	uint64_t refused_size; /* 413 and 431 */
	uint64_t timeouts; /* 408, and answers that nobody read */
	uint64_t bad_requests; /* not HTTP, or ambiguous HTTP */
	uint64_t evicted; /* connections that lost their seat to others */
	uint64_t foreign; /* 403: of web pages that are not allowed */
	uint64_t unserved; /* 404 and 405 */
	uint64_t body_bytes;
	size_t connections; /* now */
	size_t open; /* requests that have no answer yet */
	size_t unsent; /* bytes of bodies given to answers and not sent yet; a page's bytes are counted by its lender */
};
struct http_server_totals http_server_totals(const struct http_server *);

#endif
