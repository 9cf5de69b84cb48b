/*
 * Who has a place at the addresses of a server: the same rule whoever reads the bytes.
 *
 * A server has `connections_max` places. When all are taken and somebody comes, whoever has been silent or unfinished
 * for longest goes: a kept connection without a next request, a head or a body that is not whole. Its age counts from
 * the last answer, or from the first byte of the request, so a byte now and then makes nobody younger. If there is no
 * such connection, an answer goes of which the peer took nothing between two sweeps, or else, where the engine can drop
 * it, a request that is being handled for a peer that has ended its stream. That peer may be waiting for the answer all
 * the same, so it comes last. Any other request that is being handled, and an answer that moves, keep their place; then
 * who comes waits in the kernel's queue. The want of a descriptor is treated as the want of a place, and each server
 * keeps a spare one: where others have used up all of the process's, one connection at a time is served all the same.
 */
#ifndef OXP_HTTP_PLACES_H
#define OXP_HTTP_PLACES_H

#include <stddef.h>

enum { HTTP_HEADS_MAX = 1 << 20 };

struct http_server;
struct http_connection;

void http_places_init(struct http_server *);
void http_places_open(struct http_server *, int listening); /* the socket stays the server's */
void http_places_close(struct http_server *);
/* A connection has ended. */
void http_places_left(struct http_server *);
/* Of a head that is not whole, `bytes` have come, and are held here or in the kernel. Beyond HTTP_HEADS_MAX of all
 * connections together the oldest other one goes. */
void http_places_hold(struct http_connection *, size_t bytes);
/* A descriptor was closed: it may be the spare one. */
void http_places_renew(struct http_server *);
/* Notes who has taken something of an answer since the last look; called by the sweep. */
void http_places_look(struct http_server *);

#endif
