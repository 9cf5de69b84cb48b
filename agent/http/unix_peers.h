/*
 * Who may connect to the Unix sockets of a listener: the mode and the group of the file, which the kernel looks at, and
 * the users that are let in when a connection is accepted. A user is the one that the peer had when it connected
 * (SO_PEERCRED, unix(7)), as this process sees it: one of another user namespace is 65534.
 *
 * The agent's own user is always let in: it owns the file, and `oxpecker health` may be run as it.
 */
#ifndef OXP_HTTP_UNIX_PEERS_H
#define OXP_HTTP_UNIX_PEERS_H

#include <sys/types.h>

#include "base/base.h"

enum { UNIX_PEERS_MAX = 32, UNIX_PEERS_REFUSED = 16 /* in one call of unix_peers_accept() */ };

struct unix_peers {
	unsigned mode; /* of the file, e.g. 0660; 0: as the umask has it */
	bool has_group;
	gid_t group; /* of the file */
	size_t users_count; /* 0: whoever may connect to the file */
	uid_t users[UNIX_PEERS_MAX];
	/* Somebody else was refused, and his connection is closed. */
	void (*refused)(void *context, uid_t user, pid_t process);
	void *context;
};

/* Accepts the next peer that is let in, without blocking; over TCP everybody is. The descriptor; or -1 with errno, as
 * accept4() has it: EAGAIN also after so many that were refused in a row. */
int unix_peers_accept(const struct unix_peers *, int listener) MUST_CHECK;

#endif
