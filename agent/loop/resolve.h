/*
 * Name resolution on the loop: evdns (hosts file, search list, ndots), IPv4 and IPv6. Numeric addresses answer at once.
 */
#ifndef OXP_RESOLVE_H
#define OXP_RESOLVE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "loop/loop.h"

enum { RESOLVE_ADDRESSES_MAX = 8 };

struct resolver;
struct resolve;

struct resolved {
	int failed;			/* 0, -ENOENT (no such name), -EAGAIN (no answer from any server) */
	size_t count;
	struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX];	/* port is the one asked for */
};

int resolver_new(struct loop *, struct resolver **ret) MUST_CHECK;
void resolver_free(struct resolver *);
/* Calls done() exactly once from a later callback, unless cancelled. */
int resolve_start(struct resolver *, const char *host, uint16_t port, void (*done)(void *, const struct resolved *),
		  void *context, struct resolve **ret) MUST_CHECK;
void resolve_cancel(struct resolve *);

#endif
