/*
 * Whether a compressed answer is wanted, by the request's Accept-Encoding (RFC 9110, 12.5.3). Pure.
 */
#ifndef OXP_HTTP_ACCEPT_H
#define OXP_HTTP_ACCEPT_H

#include <stdbool.h>

/* NULL: the header is not there, and nothing compressed is wanted. gzip is, if it is named (or x-gzip, or * that stands
 * for it) with a weight above 0 and not below that of identity. What is no weight is taken for 0. */
bool http_accepts_gzip(const char *accept_encoding);

#endif
