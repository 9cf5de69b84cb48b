/*
 * Where an answer that redirects sends whoever asked (RFC 9110, 15.4 and 10.2.2), if that is the server that was asked.
 */
#ifndef OXP_HTTP_REDIRECT_H
#define OXP_HTTP_REDIRECT_H

#include "base/bytes.h"

bool http_is_redirect(unsigned status); /* with a Location to ask in its place: 301, 302, 303, 307, 308 */

/* The Location of a line of a head, or no data. */
struct bytes http_location(struct bytes line);

/* Writes the URL that `location` names beside `url`. 0; -EXDEV: its scheme, host or port are others; -EINVAL: it is no
 * URL, or has a fault that HTTP does not allow; -ENAMETOOLONG; -ENOMEM. */
int http_redirect(const char *url, const char *location, char *to, size_t room) MUST_CHECK;

#endif
