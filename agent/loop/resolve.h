/*
 * Name resolution on the loop: the hosts file, then the name servers of /etc/resolv.conf with its search list, IPv4 and
 * IPv6, IPv4 first. Numeric addresses need no server.
 *
 * Names that were found are kept here for as long as the server allows, and at most RESOLVE_CACHED_SECONDS. A caller
 * that could not connect forgets the name. /etc/resolv.conf is read again if it has changed.
 */
#ifndef OXP_RESOLVE_H
#define OXP_RESOLVE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "loop/loop.h"

enum { RESOLVE_ADDRESSES_MAX = 8, RESOLVE_CACHED_SECONDS = 30, RESOLVE_CACHED_MAX = 32, RESOLVES_MAX = 256 };

struct resolver;
struct resolve;

struct resolved;
struct resolve_question {
	const char *host; /* copied */
	uint16_t port;
	void (*done)(void *context, const struct resolved *);
	void *context;
};

struct resolved {
	int failed; /* 0, -ENOENT (no such name), -EAGAIN (no answer from any server) */
	size_t count;
	struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX]; /* port is the one asked for */
};

/* Where names come from instead of /etc/resolv.conf and /etc/hosts. For tests. */
struct resolver_sources {
	const char *const *servers; /* "address:port", ends with NULL */
	const char *hosts_file; /* NULL: none but localhost */
	const char *search; /* one domain to search, NULL for none */
	struct duration timeout; /* of one question to one server, which is asked up to twice */
};

/* 0 or -errno. */
int resolver_new(struct loop *, struct resolver **ret) MUST_CHECK;
/* From there alone. For tests. 0 or -errno. */
int resolver_new_from(struct loop *, const struct resolver_sources *, struct resolver **ret) MUST_CHECK;
void resolver_free(struct resolver *); /* done() is not called for questions under way */
/* Calls done() exactly once, from a later callback, unless cancelled. `ret` is invalid once done() is called. -EINVAL
 * if the name is empty or too long, -EAGAIN beyond RESOLVES_MAX. */
int resolve_start(struct resolver *, const struct resolve_question *, struct resolve **ret) MUST_CHECK;
void resolve_cancel(struct resolve *); /* not from its own done() */
void resolver_forget(struct resolver *, const char *host);

#endif
