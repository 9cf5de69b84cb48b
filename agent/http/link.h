/*
 * Connections to servers that the client makes itself, in the clear: over TCP or a Unix socket, and those that are kept
 * for the next call.
 *
 * A link is watched all its life, for both directions and by edges (WATCH_EDGE), so a call on one that was kept changes
 * nothing in the kernel. One that is kept and becomes readable has been closed by its peer, or its peer says what
 * nobody asked for: it is closed, unless its protocol has use for that.
 */
#ifndef OXP_HTTP_LINK_H
#define OXP_HTTP_LINK_H

#include <sys/socket.h>

#include "loop/loop.h"

enum { LINK_IDLE_S = 118 }; /* not used when kept for longer: a router in between may have forgotten it */

enum link_protocol { LINK_HTTP1, LINK_HTTP2 };

/* Where it leads to, and what is spoken there. All bytes behind the address are zero. */
struct link_to {
	struct sockaddr_storage at;
	socklen_t size;
	enum link_protocol protocol; /* LINK_HTTP1 unless set behind the functions that follow */
};

void link_to_address(struct link_to *, const struct sockaddr_storage *, uint16_t port);
/* A host that is a number, IPv6 in brackets. False: it is not, or has a zone. */
bool link_to_number(struct link_to *, const char *host, uint16_t port) MUST_CHECK;
bool link_to_unix(struct link_to *, const char *path) MUST_CHECK; /* false: it is too long */

/* What has happened: bits of WATCH_. */
typedef void link_ready(void *context, unsigned what);

/* Invariant: in the list of `links` while it is kept, and then `ready` is NULL. */
struct link {
	struct links *links;
	struct link *next; /* kept before it */
	struct link_to to;
	struct loop_watch watch;
	link_ready *ready;
	void *context;
	struct mono_time since; /* kept */
	bool used; /* it has been kept: its peer may close it at any time */
	/* What a protocol has to do on it between calls: takes what has come, and says whether it may stay. NULL: then
	 * nothing may come. */
	bool (*rest)(struct link *);
	void *session; /* of that protocol */
	void (*forget)(void *session);
};

struct links {
	struct loop *loop;
	struct link *kept; /* the newest first */
	size_t count, max;
};

void links_init(struct links *, struct loop *, size_t kept_max);
void links_done(struct links *); /* those that are kept; fine on zeroed memory */

/* One that was kept, still open as far as is known; or NULL. */
struct link *link_take(struct links *, const struct link_to *, link_ready *, void *context) MUST_CHECK;
/* Begins to connect. 0, and it has connected or failed (link_error()) when it is first ready to write; or -errno. */
int link_new(struct links *, const struct link_to *, link_ready *, void *context, struct link **ret) MUST_CHECK;
int link_error(const struct link *); /* why it could not connect: an errno; 0: it has */
static inline int link_fd(const struct link *l)
{
	return l->watch.fd;
}
/* The call is over, and nothing is under way on it. Closed at once if its peer has ended it, or has said more than its
 * protocol has use for. *l is NULL afterwards. */
void link_keep(struct link **l);
void link_free(struct link **l); /* fine on NULL; the same */

#endif
