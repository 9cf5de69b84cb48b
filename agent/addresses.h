/*
 * Every address that the configuration has us listen on, and what can be wrong with them: two collide, a collector
 * has none, or an exporter or a scrape leads back to one of them.
 */
#ifndef OXP_ADDRESSES_H
#define OXP_ADDRESSES_H

#include "agent_config.h"

struct own_address {
	struct own_address *next;
	const char *text; /* "unix:/run/oxpecker/otlp.sock", ":9464" */
	const char *option; /* "receive.otlp.http" */
	bool datagrams;
	const char *guard; /* what whoever connects has to pass, in words; NULL: nothing */
	bool takes; /* telemetry */
	const struct node *node; /* where it is written; NULL: a default */
};

/* The one that is opened last comes first. In the configuration's arena. */
const struct own_address *addresses_of(const struct agent_config *);
/* Complains about each that collides with one before it, each collector that would listen nowhere, and each destination
 * or target that is one of them. 0, or -EINVAL. */
int addresses_check(struct agent_config *) MUST_CHECK;
/* "127.0.0.1:9464 (listen), :4318 (receive.otlp.http, TLS)": all of them; only those that other machines can reach; or
 * of these the ones where anybody can send telemetry over TCP, in the clear and without credentials. "nothing" if there
 * are none; as many as there is room for. */
enum address_reach { ADDRESSES_ALL, ADDRESSES_OPEN, ADDRESSES_UNGUARDED };
void addresses_tell(const struct own_address *, enum address_reach, char *to, size_t room);

#endif
