/*
 * Which process is at the other end of a Unix socket: a text that no other process of this machine has or will have.
 *
 * By SO_PEERPIDFD the kernel says it itself, since the inode of a pidfd is used once (Linux 6.9); before that it is the
 * pid and when that process began. Both are of one boot, whose id is in the text.
 *
 * Sources: Linux, net/core/sock.c, sk_getsockopt(); fs/pidfs.c; proc(5), stat and random/boot_id.
 */
#ifndef OXP_PEER_PROCESS_H
#define OXP_PEER_PROCESS_H

#include "base/base.h"

enum { PEER_PROCESS_ROOM = 96 };

/* The process that connected the socket. Printable; false: it is not a Unix socket, or the process is in a namespace
 * where it cannot be seen from here, or has ended. */
bool peer_process(int fd, char to[PEER_PROCESS_ROOM]) MUST_CHECK;

#endif
