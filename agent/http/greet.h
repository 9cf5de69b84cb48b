/*
 * Handshakes of TLS under way at a server: between accept() and the engine, which gets the connection when the peer is
 * who it has to be. For agent/http/ only.
 *
 * A handshake has a seat. It gives way like a connection that is silent or unfinished, by its age (seats.h); all of
 * them together have half of the seats at most; and after GREET_MS it is over. What handshakes cost is the loop's time,
 * up to two milliseconds each. After a step as much time as it took belongs to others, so handshakes have half of it at
 * most. Those that wait for that are served in the order in which they came.
 */
#ifndef OXP_HTTP_GREET_H
#define OXP_HTTP_GREET_H

#include "base/clock.h"

enum { GREET_MS = 10000, GREET_PART = 2 /* of the seats */ };

struct http_server;
void greetings_init(struct http_server *);
void greetings_done(struct http_server *);
void greetings_begin(struct http_server *, int fd); /* takes over the socket of a peer that has come */
void greetings_sweep(struct http_server *); /* ends those that take too long */
/* When the oldest one came; INT64_MAX: there is none. */
struct mono_time greetings_oldest(const struct http_server *);
void greetings_evict(struct http_server *); /* the oldest one's seat is wanted */

#endif
