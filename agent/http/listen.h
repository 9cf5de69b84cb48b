/*
 * Listening sockets by address text: `host:port`, `:port` (every address of the machine, IPv4 and IPv6), `[v6]:port`,
 * `unix:/path`. A host is a numeric address or `localhost`; names are not looked up to listen.
 *
 * The file of a Unix socket is replaced if nobody listens on it, and refused otherwise. It is removed with the socket,
 * unless somebody has put another file in its place. Making it, and setting its mode, follows no link that others may
 * have made (base/path.h).
 */
#ifndef OXP_HTTP_LISTEN_H
#define OXP_HTTP_LISTEN_H

#include <sys/types.h>

#include "base/base.h"
#include "http/unix_peers.h"

struct listening {
	int fd;
	int type; /* SOCK_STREAM or SOCK_DGRAM */
	char *path; /* of a Unix socket, else NULL */
	dev_t device;
	ino_t inode;
};

/* 0; -EINVAL for an invalid address, -EADDRINUSE for a live one, -EEXIST if another kind of file is in the way, -ELOOP
 * if a link is, -EPERM if a Unix socket's file may not have that group, or another -errno (path_why() explains it). Of
 * the peers, mode and group of the file are looked at; NULL: both are as they come. */
int listening_open(struct listening *, const char *address, const struct unix_peers *) MUST_CHECK;
/* The same for datagrams: they come on `fd` itself. */
int listening_open_datagrams(struct listening *, const char *address, const struct unix_peers *) MUST_CHECK;
/* Whether the file of a Unix socket is gone or replaced, so that nobody new can connect. */
bool listening_is_lost(const struct listening *);
void listening_close(struct listening *); /* may be called twice */
/* Whether accept() failed for want of descriptors or memory: whoever waits is taken when there are some. */
bool listening_starved(int error);
uint16_t listening_port(const struct listening *); /* 0 for a Unix socket */

#endif
