/*
 * What lets a web page of a listed origin send here and read the answer (Fetch standard, "CORS protocol"). The browser
 * first asks whether the page may send what needs asking, as a body of JSON or protobuf does: this preflight is
 * answered 204 if the path is served. Every answer to such a page, preflight or not, names its origin, without which
 * the browser keeps the answer from the page.
 *
 * Nothing is allowed with credentials: cookies and passwords that the browser has play no part here. What is written
 * back from the request is checked and bounded. Whether the page may ask at all is decided before, by origin.h.
 * For agent/http/ only.
 */
#ifndef OXP_HTTP_CORS_H
#define OXP_HTTP_CORS_H

#include "base/bytes.h"

enum {
	HTTP_CORS_NAMES_MAX = 1024, /* bytes of the header names that a page is allowed */
	HTTP_CORS_ORIGIN_MAX = 300, /* bytes of an origin that is written back */
};

struct http_pairs;
struct http_request;

/* Whether it was a preflight for a path that is served; if so, it has been answered. */
bool http_cors_preflight(struct http_request *);
/* Adds the pairs that this request's page needs. */
void http_cors_add(const struct http_request *, struct http_pairs *);
/* The list of header names without those that are malformed, that only a browser may write, or that find no room. A
 * page that asked for one of these is told so by its browser. */
void http_cors_names(struct bytes asked, char ret_names[HTTP_CORS_NAMES_MAX + 1]);

#endif
