/*
 * Which requests are those of a web page that has no business here.
 *
 * A browser sends whatever page it shows to whatever address the page names, addresses of the browser's own machine
 * and network among them, so a door that asks for no password has to look at what browsers say of a request; pages
 * cannot change these headers. Programs do not send them, and what they send is never refused here.
 *
 * Another origin. `Sec-Fetch-Site` says how page and address relate ("Fetch Metadata Request Headers", W3C); where it
 * is missing, an `Origin` (RFC 6454, 7) that is not the request's own `Host`, `null` among them, is another one. A link
 * that somebody follows may be: the page that has it does not see the answer.
 *
 * Another name (DNS rebinding). A page whose own name leads to a loopback address is of the same origin as whatever
 * answers there, and then a browser marks nothing. So at a loopback address `Host` has to be one that no stranger can
 * have: an address, a name without a dot, one under localhost, local, internal, test or svc, or the machine's own.
 *
 * `origins` lists what is let in all the same. Pure: what the head says comes in as text.
 */
#ifndef OXP_HTTP_ORIGIN_H
#define OXP_HTTP_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

/* Each is `*` (all), `null`, or scheme://host[:port] without a path. The texts outlive whoever has this. */
struct http_origins {
	const char *const *items;
	size_t count;
	const char *option; /* where people write them; NULL: nowhere */
};

/* What the head says; NULL where it says nothing. */
struct http_sender {
	const char *host, *origin, *site, *mode; /* Host, Origin, Sec-Fetch-Site, Sec-Fetch-Mode */
	bool reads; /* GET or HEAD */
};

/* Why it is none, as the end of a sentence, or NULL when it may stand in the list. */
const char *http_origin_wrong(const char *text);
/* Whether it comes from a page of another origin that is not in the list. */
bool http_origin_is_foreign(const struct http_sender *, const struct http_origins *);
/* Whether that Host is a name that a stranger may have. `own` is the machine's name. */
bool http_host_is_foreign(const char *host, const char *own, const struct http_origins *);

#endif
