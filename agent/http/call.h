/*
 * One call of the HTTP client, as its caller sees it: what is asked, and what became of it.
 */
#ifndef OXP_HTTP_CALL_H
#define OXP_HTTP_CALL_H

#include "base/bytes.h"
#include "base/clock.h"

enum { HTTP_ANSWER_HEAD_MAX = 64 << 10 };

/* How a call ended, as far as HTTP goes. */
enum http_end {
	HTTP_END_ANSWER, /* a complete answer came, with `status` */
	HTTP_END_CONNECT, /* nothing was sent: refused, unreachable, no connection in time, no name, TLS handshake */
	HTTP_END_BROKEN, /* the connection broke, or the answer was not HTTP; the peer may have acted on the request */
	HTTP_END_TIMEOUT,
	HTTP_END_TOO_LARGE, /* the answer went over answer_max, or unpacks to far more than it is */
	HTTP_END_CODING, /* an answer of that status, in a coding that is not read here, or damaged in its own */
	HTTP_END_STREAM, /* HTTP/2: the peer reset the stream (curl 92), but not as one that it had not looked at */
	HTTP_END_STOPPED, /* piece() asked to stop */
	HTTP_END_NO_ROOM, /* this client's other answers fill the room for all of them; not the peer's fault */
};

struct http_reply {
	enum http_end end;
	unsigned status; /* 0 when none came */
	const char *error; /* one sentence for people, or "" */
	/* Valid during done(). With piece(): only if the answer is not 2xx, and at most its first 64 KiB. */
	struct bytes body;
	const char *content_type; /* "" when absent */
	int64_t retry_after_ms; /* from Retry-After, seconds or HTTP-date; -1 when absent */
	bool resent; /* it was sent twice, since a kept connection was dead */
	bool busy; /* a Unix socket whose queue was full: nobody tells when it no longer is, so the caller waits */
};

/* A file in PEM, which is read for each new connection, so a renewed file takes effect with the next one. Reading it
 * must not block: base/held_file.h. */
struct http_file {
	const char *path; /* NULL: none */
	const char *name; /* what it is called where people read about it */
};

/* How we and the peer of an https:// URL prove who we are. */
struct http_tls {
	struct http_file ca; /* authorities that may have signed the peer's certificate; none: the system's */
	struct http_file cert, key; /* ours; both or none */
	bool trust_anyone; /* neither signature nor name is checked */
};

/*
 * One call. All pointers are borrowed: strings until http_call_start() returns, `tls`, body and callbacks until done().
 */
struct http_call_options {
	const char *method; /* "GET", "POST" … */
	const char *url; /* http:// or https:// */
	const char *unix_path; /* connect there instead; NULL for TCP */
	const char *const *headers; /* "Name: value", ends with NULL; may be NULL */
	uint64_t body_size; /* sent as Content-Length; 0 and no read(): no body */
	/* Writes up to `room` next bytes of the body, returns how many; called until body_size bytes came. */
	size_t (*read)(void *context, char *to, size_t room);
	/* Start over: the connection died before an answer, so it is sent again. Required with read(). */
	void (*rewind)(void *context);
	/*
	 * For a body that stands in memory, beside read(): up to `room` pieces of what comes next, at least one unless
	 * the body has ended, and how much of that was taken. What was shown stays as it is until done(). With
	 * these, a call to http:// copies no body. Both or neither.
	 */
	size_t (*look)(void *context, struct bytes *to, size_t room);
	void (*took)(void *context, size_t size);
	/* A piece of a 2xx answer as it arrives; false stops the call (HTTP_END_STOPPED). NULL: collected into
	 * reply.body. */
	bool (*piece)(void *context, struct bytes piece);
	/* Whether what came in pieces keeps the caller busy: no piece comes before the answer is no, and it is asked
	 * again in the next callback, so it may do a slice of that work. May be NULL. */
	bool (*busy)(void *context);
	/* The headers of the answer are in, before the first piece(). May be NULL. */
	void (*head)(void *context, unsigned status, const char *content_type);
	/* Each line of a head, and over HTTP/2 of the trailers; with its line end, if it has one. May be NULL. */
	void (*line)(void *context, struct bytes line);
	/* Exactly once for each http_call_start() that returned 0, never from within it; the call is gone then. */
	void (*done)(void *context, const struct http_reply *);
	void *context;
	size_t answer_max; /* bytes of the answer's body, after decoding */
	struct duration timeout; /* for all of it, by the loop's clock */
	const struct http_tls *tls; /* NULL: the client's ca_file, no certificate of ours */
	const char *user_password; /* "user:password" for basic authentication, NULL for none */
	/* HTTP/2: to http:// at once (RFC 9113, 3.3), to https:// if the peer chooses it, otherwise HTTP/1.1 is spoken
	 * there. */
	bool http2;
};

#endif
