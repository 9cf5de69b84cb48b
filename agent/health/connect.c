#include "health/connect.h"

#include <errno.h>
#include <unistd.h>

void connect_check_init(struct connect_check *c, struct host *host)
{
	*c = (struct connect_check){ .host = host, .fd = -1 };
}

void connect_check_cancel(struct connect_check *c)
{
	loop_watch_done(&c->watch);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

static void finish(struct connect_check *c, int failed)
{
	connect_check_cancel(c);
	if (failed && c->again && c->again(c))
		return;
	host_checked(c->host, !failed, failed ? strerror(failed) : "");
}

static void on_ready(void *context, int fd, unsigned what)
{
	int failed = 0;
	socklen_t size = sizeof failed;

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) < 0)
		failed = errno;
	finish(context, failed);
}

void connect_check_start(struct connect_check *c, const struct sockaddr *address, socklen_t size)
{
	c->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || (connect(c->fd, address, size) < 0 && errno != EINPROGRESS)) {
		finish(c, errno);
		return;
	}
	loop_watch_init(&c->watch, host_loop(c->host), c->fd, on_ready, c);
	loop_watch_set(&c->watch, WATCH_WRITE);
}
