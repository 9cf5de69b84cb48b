/*
 * What a service manager is told: that we are ready, alive, and ending. It is the protocol of sd_notify(3), a datagram
 * of VARIABLE=VALUE lines to the socket of $NOTIFY_SOCKET, as systemd wants it of Type=notify and WatchdogSec=.
 *
 * "Alive" is said by the loop, so one that hangs is restarted. Without $NOTIFY_SOCKET nothing of this does anything.
 */
#ifndef OXP_SYSTEMD_H
#define OXP_SYSTEMD_H

#include "loop/loop.h"

struct log;

struct systemd {
	struct loop_timer alive;
	struct log *log;
	const char *socket; /* "/path" or "@abstract"; NULL: nobody wants to know */
	struct duration every; /* half of $WATCHDOG_USEC; 0: nobody waits for it */
	bool failing; /* the last message could not be sent, which was logged */
};

/* Reads the environment. */
void systemd_init(struct systemd *, struct loop *, struct log *);
/* Doors are open. From here on the loop says that it turns. */
void systemd_ready(struct systemd *);
/* The end has begun. It takes `within` at most, for which systemd then waits, whatever TimeoutStopSec= is. */
void systemd_ending(struct systemd *, struct duration within);
/* Fine on zeroed memory. */
void systemd_done(struct systemd *);

#endif
