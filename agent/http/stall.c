#include "http/stall.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OURS = 5 }; /* of the real-time signals */

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* A signal handler: shutdown() is one of the calls that it may make. */
static void on_time(int number, siginfo_t *info, void *context)
{
	struct stall *s = info->si_code == SI_TIMER ? info->si_value.sival_ptr : NULL;
	int before = errno;

	(void)number, (void)context;
	if (s && s->fd >= 0)
		shutdown(s->fd, SHUT_RDWR);
	errno = before;
}

void stall_init(struct stall *s)
{
	struct sigaction action = { .sa_sigaction = on_time, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + OURS };

	*s = (struct stall){ .fd = -1 };
	event.sigev_value.sival_ptr = s;
	event.sigev_notify_thread_id = gettid();
	sigemptyset(&action.sa_mask);
	s->made = sigaction(event.sigev_signo, &action, NULL) == 0 &&
		  timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &s->timer) == 0;
}

static void set(struct stall *s, long ms)
{
	const struct itimerspec when = { .it_value = { 0, ms * 1000000 } };

	if (s->made)
		(void)timer_settime(s->timer, 0, &when, NULL);
}

void stall_begin(struct stall *s, int fd)
{
	s->fd = fd;
	set(s, STALL_CPU_MS);
}

void stall_end(struct stall *s)
{
	if (s->fd < 0)
		return;
	set(s, 0);
	s->fd = -1;
}

void stall_done(struct stall *s)
{
	if (s->made)
		timer_delete(s->timer);
	s->made = false;
}
