/*
 * What the server answers to a well-formed request without calling a handler: 403 to web pages of other origins
 * (origin.h), 401 to requests without credentials, 404 and 405 if there is no route. For agent/http/ only.
 */
#ifndef OXP_HTTP_DECLINE_H
#define OXP_HTTP_DECLINE_H

#include <stdbool.h>

enum { HTTP_METHODS_SIZE = 64 };

struct http_request;
struct http_route;
struct http_server;

bool http_route_leads_to(const struct http_route *, const char *path);
/* The methods that are served at the path, with commas between them; "" if there are none. */
void http_methods_of_path(const struct http_server *, const char *path, char ret_methods[HTTP_METHODS_SIZE]);
/* Whether it comes from a web page that is not allowed; if so, it has been answered. */
bool http_decline_foreign(struct http_request *);
/* Whether it has not the credentials that are asked for (401); if so, it has been answered. */
bool http_decline_stranger(struct http_request *);
/* 404, or 405 with the methods that the path has; the body says what is served here. */
void http_decline_unrouted(struct http_request *);

#endif
