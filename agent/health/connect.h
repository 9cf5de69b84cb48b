/*
 * What the tcp and unix checks share. A check is fine if a connection can be made; the connection is closed at once.
 */
#ifndef OXP_HEALTH_CONNECT_H
#define OXP_HEALTH_CONNECT_H

#include <sys/socket.h>

#include "component.h"
#include "loop/loop.h"

struct connect_check {
	struct host *host;
	struct loop_watch watch;
	int fd;
	/* The connection failed: starts another one and returns true, or returns false if there is none to try. May be
	 * NULL. */
	bool (*again)(struct connect_check *);
};

void connect_check_init(struct connect_check *, struct host *);
/* Ends with host_checked(). */
void connect_check_start(struct connect_check *, const struct sockaddr *, socklen_t size);
void connect_check_cancel(struct connect_check *); /* does nothing if nothing is under way */

#endif
