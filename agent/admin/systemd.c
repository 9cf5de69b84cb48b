#include "admin/systemd.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

enum {
	EVERY_MIN_US = 1000,
	EVERY_MAX_US = 1000000000, /* some 17 minutes */
	SPARE_MS = 5000, /* beyond `within`, for what a slow disk takes */
	MESSAGE_MAX = 80,
};

static const char who[] = "systemd";

/* 0 or -errno. */
static int send_to(const char *name, const char *message)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t size = strlen(name);
	int fd, failed = 0;

	if ((name[0] != '/' && name[0] != '@') || size < 2 || size >= sizeof to.sun_path)
		return -EINVAL;
	memcpy(to.sun_path, name, size);
	if (name[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, message, strlen(message), MSG_NOSIGNAL, (const struct sockaddr *)&to,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)) < 0)
		failed = -errno;
	close(fd);
	return failed;
}

static void say(struct systemd *s, const char *message)
{
	int failed = s->socket ? send_to(s->socket, message) : 0;

	if (failed && !s->failing)
		log_warn(s->log, who, "cannot tell the service manager at $NOTIFY_SOCKET (%s): %s", s->socket,
			failed == -EINVAL ? "expected /path or @name" : strerror(-failed));
	s->failing = failed != 0;
}

static void on_alive(void *context)
{
	struct systemd *s = context;

	say(s, "WATCHDOG=1");
	loop_timer_set(&s->alive, s->every);
}

/* Returns half of the time after which the service manager takes us for dead. $WATCHDOG_PID says whom it means. */
static struct duration watchdog_half(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t n, meant;

	if (!us || !u64_parse(bytes_of(us), &n) || n == 0)
		return (struct duration){ 0 };
	if (pid && (!u64_parse(bytes_of(pid), &meant) || meant != (uint64_t)getpid()))
		return (struct duration){ 0 };
	n /= 2;
	n = n < EVERY_MIN_US ? EVERY_MIN_US : n > EVERY_MAX_US ? EVERY_MAX_US : n;
	return (struct duration){ (int64_t)n * 1000 };
}

void systemd_init(struct systemd *s, struct loop *loop, struct log *log)
{
	const char *socket = getenv("NOTIFY_SOCKET");

	*s = (struct systemd){ .log = log, .socket = socket && *socket ? socket : NULL };
	if (s->socket)
		s->every = watchdog_half();
	loop_timer_init(&s->alive, loop, on_alive, s);
}

void systemd_ready(struct systemd *s)
{
	say(s, "READY=1");
	if (s->every.ns > 0)
		on_alive(s);
}

void systemd_ending(struct systemd *s, struct duration within)
{
	char message[MESSAGE_MAX];

	snprintf(message, sizeof message, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld",
		(long long)(duration_ms(within) + SPARE_MS) * 1000);
	say(s, message);
}

void systemd_done(struct systemd *s)
{
	loop_timer_done(&s->alive);
}
