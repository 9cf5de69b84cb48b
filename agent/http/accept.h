/*
 * What a request's Accept and Accept-Encoding say (RFC 9110, 12.5.1 and 12.5.3). Pure.
 */
#ifndef OXP_HTTP_ACCEPT_H
#define OXP_HTTP_ACCEPT_H

#include "base/bytes.h"

/* One element of such a header. */
struct http_accepted {
	struct bytes what; /* a media type, or a coding; empty between two commas */
	struct bytes parameters;
	int weight; /* in thousandths; an invalid one counts as 0, which means: not this */
};

/* Takes the next element away from what is left of the header. */
bool http_accept_next(struct bytes *rest, struct http_accepted *ret) MUST_CHECK;
/* The value of that parameter, without quotes; without data if it is missing. */
struct bytes http_accept_parameter(struct bytes parameters, const char *name);

/* NULL: the header is missing, so nothing compressed is wanted. gzip is wanted if it (or x-gzip, or a * that covers it)
 * has a weight above 0 and not below that of identity. */
bool http_accepts_gzip(const char *accept_encoding);

#endif
