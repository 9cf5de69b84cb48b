/*
 * What the server answers in place of a handler, to a request that is whole and well: 403 to web pages of others
 * (origin.h), 404 and 405 to what has no route. For agent/http/ only.
 */
#ifndef OXP_HTTP_DECLINE_H
#define OXP_HTTP_DECLINE_H

#include <stdbool.h>

struct http_request;
struct http_route;

bool http_route_leads_to(const struct http_route *, const char *path);
/* Whether it is a web page's that is not let in; then it has its answer. */
bool http_decline_foreign(struct http_request *);
/* 404, or 405 with the methods that the path has; the body says what is served here. */
void http_decline_unrouted(struct http_request *);

#endif
