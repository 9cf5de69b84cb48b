/*
 * Connections that are not read for now, because the route of their last request has enough (server.h). For engines:
 * they ask before they read what may be a new request, and stop watching the connection if it is to pause. It goes on
 * in its turn: in the order in which they came, one after another, for as long as its route has not enough again.
 */
#ifndef OXP_HTTP_PAUSE_H
#define OXP_HTTP_PAUSE_H

#include "http/engine.h"

/* True: it is paused now, until read_on() of the engine. */
bool http_connection_pauses(struct http_connection *) MUST_CHECK;

/* For serving.c. */
void http_pauses_init(struct http_server *);
void http_pauses_done(struct http_server *); /* no connection is left */
void http_pause_end(struct http_connection *); /* fine on one that is not paused */

#endif
