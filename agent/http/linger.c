#include "http/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 64 << 10 };

struct lingering {
	struct lingers *all;
	struct lingering *next, **link;
	struct loop_watch watch;
	struct loop_timer limit;
	size_t dropped;
};

static void linger_end(void *context)
{
	struct lingering *l = context;
	int fd = l->watch.fd;

	loop_timer_done(&l->limit);
	loop_watch_done(&l->watch);
	close(fd);
	*l->link = l->next;
	if (l->next)
		l->next->link = l->link;
	l->all->count--;
	free(l);
}

/* MSG_TRUNC drops TCP's bytes in the kernel without copying; a Unix socket copies them, which does no harm. */
static void drop(void *context, int fd, unsigned what)
{
	static const int flags = MSG_DONTWAIT | MSG_TRUNC;
	struct lingering *l = context;
	char piece[PIECE];
	ssize_t n = recv(fd, piece, sizeof piece, flags);

	(void)what;
	if (n > 0)
		l->dropped += (size_t)n;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || l->dropped > LINGER_BYTES)
		linger_end(l);
}

void linger_start(struct lingers *all, int fd)
{
	struct lingering *l;
	int own = all->count < LINGER_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

	if (own < 0)
		return;
	shutdown(own, SHUT_WR);
	l = oxp_new(sizeof *l);
	l->all = all;
	l->next = all->first;
	l->link = &all->first;
	if (l->next)
		l->next->link = &l->next;
	all->first = l;
	all->count++;
	loop_watch_init(&l->watch, all->loop, own, drop, l);
	loop_watch_set(&l->watch, WATCH_READ);
	loop_timer_init(&l->limit, all->loop, linger_end, l);
	loop_timer_set(&l->limit, DURATION_S(LINGER_SECONDS));
}

void lingers_init(struct lingers *all, struct loop *loop)
{
	*all = (struct lingers){ .loop = loop };
}

void lingers_done(struct lingers *all)
{
	while (all->first)
		linger_end(all->first);
}
