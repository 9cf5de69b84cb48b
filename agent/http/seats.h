/*
 * Which connections have a seat at the addresses of a server; the same rule for all engines.
 *
 * A server has `connections_max` seats. If all are taken and another peer connects, one connection gives way. The
 * first that applies:
 *
 *   1. The one that has been silent or unfinished for longest: a kept connection without a next request, or an
 *      incomplete head or body. Its age counts from the last answer, or from the first byte of the request, so sending
 *      a byte now and then does not help. One that is watched (http_request_watch()) gives way in the middle of a
 *      request only.
 *   2. An answer of which the peer read nothing between two sweeps.
 *   3. If the engine can drop it: a request that is being handled for a peer that has closed its stream. It comes last,
 *      because that peer may still be waiting for the answer.
 *
 * Any other request that is being handled, and an answer that moves, keep their seat; the new peer then waits in the
 * kernel's queue. Having no free descriptor is treated like having no free seat. Each server keeps a spare descriptor:
 * if others have used up all of the process's, it can still serve one connection at a time.
 */
#ifndef OXP_HTTP_SEATS_H
#define OXP_HTTP_SEATS_H

#include <stddef.h>

enum { HTTP_HEADS_MAX = 1 << 20 }; /* and no more than a quarter of a server's `room` */

struct http_server;
struct http_connection;

void http_seats_init(struct http_server *);
void http_seats_open(struct http_server *, int listening); /* the socket stays the server's */
void http_seats_close(struct http_server *);
/* A connection has ended. */
void http_seats_left(struct http_server *);
/* `bytes` of an incomplete head have come, and are held here or in the kernel. Beyond the ceiling for all
 * connections together, the oldest other one gives way. */
void http_seats_hold(struct http_connection *, size_t bytes);
/* A descriptor was closed: it may become the spare one. */
void http_seats_renew(struct http_server *);
/* Notes which peers have read something of their answer since the last call; the sweep calls it. */
void http_seats_look(struct http_server *);

#endif
