/*
 * The parts of a URL that names a server and a login: scheme://user:password@host:port/path, each decoded (RFC 3986).
 */
#ifndef OXP_PEER_URL_H
#define OXP_PEER_URL_H

#include "base/base.h"

/* "" is for what is not there. */
struct peer_url {
	char *scheme, *user, *password, *host, *port, *path;
	char *text; /* what they point into */
};

/* False if it is none: without a scheme or a host, or with a zero in it. peer_url_done() follows either way. */
bool peer_url_read(const char *url, struct peer_url *ret) MUST_CHECK;
/* What is behind the "?", or NULL; one before an @ is of the login. */
const char *peer_url_query(const char *url);
void peer_url_done(struct peer_url *);
/* Puts *** where a peer quotes the password of the URL, as it is written and decoded, whole or cut (base/hidden.h). */
void peer_url_hide(const char *url, char *text);

#endif
