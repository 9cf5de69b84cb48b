/*
 * Which requests come from a web page that must not make them.
 *
 * A web page can have the browser send requests to any address, also on the browser's own machine and network. So a
 * door without a password has to check what browsers say about a request, in headers that pages cannot change. Programs
 * do not send these headers, and their requests are never refused here.
 *
 * Another origin. `Sec-Fetch-Site` says how page and address relate ("Fetch Metadata Request Headers", W3C). If it is
 * missing, an `Origin` (RFC 6454, 7) that is not the request's own `Host`, `null` among them, is another origin. A link
 * that somebody follows is allowed, because the page that contains it does not see the answer.
 *
 * Another name (DNS rebinding). If the name of a page leads to a loopback address, the page has the same origin as the
 * server there, and the browser marks nothing. So at a loopback address `Host` must be a name that no stranger can own:
 * an address, a name without a dot, a name under localhost, local, internal, test or svc, or the machine's own name.
 *
 * `origins` lists the exceptions. Pure: what the head says comes in as text.
 */
#ifndef OXP_HTTP_ORIGIN_H
#define OXP_HTTP_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

/* Each is `*` (all), `null`, or scheme://host[:port] without a path. The texts outlive this struct. */
struct http_origins {
	const char *const *items;
	size_t count;
	const char *option; /* where people write them; NULL: there is no such option */
};

/* What the head says; NULL if it says nothing. */
struct http_sender {
	const char *host, *origin, *site, *mode; /* Host, Origin, Sec-Fetch-Site, Sec-Fetch-Mode */
	bool reads; /* GET or HEAD */
};

/* Why it is not an origin, as the end of a sentence; NULL if it may be in the list. */
const char *http_origin_wrong(const char *text);
/* Whether `origins` has it, or all. */
bool http_origin_is_listed(const char *origin, const struct http_origins *);
/* Whether the request comes from a page of another origin that is not in the list. */
bool http_origin_is_foreign(const struct http_sender *, const struct http_origins *);
/* Whether that Host is a name that a stranger could own. `own` is the machine's name. */
bool http_host_is_foreign(const char *host, const char *own, const struct http_origins *);

#endif
