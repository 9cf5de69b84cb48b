/*
 * Whether a compressed answer is wanted, by the request's Accept-Encoding (RFC 9110, 12.5.3). Pure.
 */
#ifndef OXP_HTTP_ACCEPT_H
#define OXP_HTTP_ACCEPT_H

#include <stdbool.h>

/* NULL: the header is missing, so nothing compressed is wanted. gzip is wanted if it (or x-gzip, or a * that covers it)
 * has a weight above 0 and not below that of identity. An invalid weight counts as 0. */
bool http_accepts_gzip(const char *accept_encoding);

#endif
