/*
 * Whether a compressed answer is wanted, by the request's Accept-Encoding, and a page of OpenMetrics, by its Accept
 * (RFC 9110, 12.5.3 and 12.5.1). Pure.
 */
#ifndef OXP_HTTP_ACCEPT_H
#define OXP_HTTP_ACCEPT_H

#include <stdbool.h>

/* NULL: the header is missing, so nothing compressed is wanted. gzip is wanted if it (or x-gzip, or a * that covers it)
 * has a weight above 0 and not below that of identity. An invalid weight counts as 0. */
bool http_accepts_gzip(const char *accept_encoding);
/* NULL: the header is missing. OpenMetrics is wanted if application/openmetrics-text has a weight above 0 and not below
 * that of text/plain, which a * does not stand for. */
bool http_accepts_openmetrics(const char *accept);

#endif
