/*
 * Listening sockets by address text: `host:port`, `:port` (every address of the machine, IPv4 and IPv6), `[v6]:port`,
 * `unix:/path`. A host is a numeric address or `localhost`; names are not looked up to listen.
 *
 * The file of a Unix socket that nobody listens on is replaced, a live one is refused. The file goes with the socket,
 * unless somebody put another in its place meanwhile. It is made, and given its mode, through no link that others can
 * have put there (base/path.h).
 */
#ifndef OXP_HTTP_LISTEN_H
#define OXP_HTTP_LISTEN_H

#include <sys/types.h>

#include "base/base.h"

struct listening {
	int fd;
	int type; /* SOCK_STREAM or SOCK_DGRAM */
	char *path; /* of a Unix socket, else NULL */
	dev_t device;
	ino_t inode;
};

/* 0, -EINVAL for an address that is none, -EADDRINUSE for a live one, -EEXIST when a file that is no socket is in the
 * way, -ELOOP when a link is, another -errno (path_why() says it). `mode` is that of a Unix socket's file, 0 for what
 * the umask gives. */
int listening_open(struct listening *, const char *address, unsigned mode) MUST_CHECK;
/* The same for datagrams: they come on `fd` itself. */
int listening_open_datagrams(struct listening *, const char *address, unsigned mode) MUST_CHECK;
/* Whether the file of a Unix socket is not there any more, or another: nobody can connect who does not already. */
bool listening_is_lost(const struct listening *);
void listening_close(struct listening *); /* fine twice */
uint16_t listening_port(const struct listening *); /* 0 for a Unix socket */

#endif
