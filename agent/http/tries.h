/*
 * The addresses that one call tries, one after another: which is next, and what is noted of each in http/addresses.h.
 */
#ifndef OXP_HTTP_TRIES_H
#define OXP_HTTP_TRIES_H

#include <arpa/inet.h>

#include "http/addresses.h"

enum { TRIES_PIN_MAX = INET6_ADDRSTRLEN + 16 };

/* Invariant: `at` is one of those found, or NULL: none is being tried. */
struct tries {
	struct addresses *addresses;
	const char *host; /* borrowed */
	uint16_t port;
	struct resolved found; /* count 0: no name was resolved */
	const struct sockaddr_storage *at;
	size_t tried;
};

void tries_init(struct tries *, struct addresses *, const char *host, uint16_t port);
/* To be called once, with at least one address, before any is tried. */
void tries_found(struct tries *, const struct resolved *);
bool tries_left(const struct tries *);
/* The next one, as CURLOPT_CONNECT_TO takes it: "::address:port" is for any host and port. tries_left() is true. */
void tries_next(struct tries *, char to[TRIES_PIN_MAX]);
/* Ends the try that is under way, if any. `failed`: other addresses are asked first from now on. */
void tries_ended(struct tries *, bool failed);

#endif
