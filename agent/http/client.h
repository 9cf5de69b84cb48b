/*
 * The HTTP client. client.c is the life of a call; its parts are the addresses it tries (http/tries.h), its answer
 * (http/answer.h), and what carries it. That is libcurl under the loop: its turns (http/multi.h) and handle
 * (http/easy.h). Or, if the body stands in memory, HTTP in the clear is spoken without it (http/exchange.h), which
 * costs less; callers see no difference.
 *
 * Names are resolved on the loop (loop/resolve.h), because Debian's libcurl resolves in a thread and waits for it when
 * a handle is removed. libcurl is given one address at a time (http/addresses.h), because its socket interface never
 * tries the third address if two refuse. A call tries the next address while it gets no connection. After a call that
 * broke, hung or was answered 502 to 504, the next call goes elsewhere. Connections are kept and reused per client.
 * Nothing here retries. Redirects are not followed, and proxies in the environment are not used: only what is
 * configured is asked. HTTP/1.1, or HTTP/2 if a call asks for it; each connection carries one call at a time. An answer
 * comes as it is, or in chunks. Any other transfer coding breaks it.
 *
 * Answers are asked for uncoded, because inflating is work on the loop. One that comes in gzip or deflate all the same,
 * as from a proxy that codes whatever passes, is decoded here, and every ceiling counts what it decodes to.
 */
#ifndef OXP_HTTP_CLIENT_H
#define OXP_HTTP_CLIENT_H

#include "http/call.h"
#include "loop/loop.h"
#include "loop/resolve.h"

struct http_client;
struct http_call;

struct http_client_options {
	size_t connections_max; /* kept open in all */
	const char *ca_file; /* NULL: the system's */
	struct resolver *resolver; /* borrowed; NULL: one of its own */
};

/* 0 or -errno. */
int http_client_new(struct loop *, const struct http_client_options *, struct http_client **ret) MUST_CHECK;
/* Cancels calls under way, without calling done(). Not from within a callback of one of its calls. */
void http_client_free(struct http_client *);

/* 0; -EINVAL for anything that is not an http or https URL, or whose host name is too long; -EAGAIN if too many names
 * are being resolved (RESOLVES_MAX); or -ENOMEM. */
int http_call_start(struct http_client *, const struct http_call_options *, struct http_call **ret) MUST_CHECK;
/* Ends the call now, also from within one of its callbacks but done(); none is called any more. The connection is
 * closed. */
void http_call_cancel(struct http_call *);

#endif
