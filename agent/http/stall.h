/*
 * Ends a call into libcurl that does not end by itself. For HTTP/2 it reads a connection for as long as there is
 * something and no part of an answer in it, so frames that carry nothing (WINDOW_UPDATE, PRIORITY, empty DATA), sent
 * without a pause, would hold the loop for as long as their sender likes. No callback of libcurl's is called meanwhile.
 *
 * So a timer counts this thread's CPU time, and its signal shuts the connection down: libcurl sees its end. Not for the
 * handshake of TLS, which may take that long.
 */
#ifndef OXP_HTTP_STALL_H
#define OXP_HTTP_STALL_H

#include <signal.h>
#include <time.h>

#include "base/base.h"

enum { STALL_CPU_MS = 20 };

struct stall {
	timer_t timer;
	bool made; /* without a timer nothing is ended */
	volatile sig_atomic_t fd; /* -1: nothing is watched */
};

/* For the calling thread. It stays where it is. */
void stall_init(struct stall *);
void stall_begin(struct stall *, int fd);
void stall_end(struct stall *); /* does nothing if none has begun */
void stall_done(struct stall *); /* fine on zeroed memory */

#endif
