/*
 * What the tcp and unix checks share: fine when a connection can be made. It is closed at once.
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
	/* There is no connection: starts another, or says that there is none to start. NULL: there is none. */
	bool (*again)(struct connect_check *);
};

void connect_check_init(struct connect_check *, struct host *);
/* Ends with host_checked(). */
void connect_check_start(struct connect_check *, const struct sockaddr *, socklen_t size);
void connect_check_cancel(struct connect_check *); /* fine when nothing is under way */

#endif
