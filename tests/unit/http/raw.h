/*
 * What the tests of server and client share: a loop whose clock a test can move ahead, and a plain socket that sends
 * and collects text while the loop is turned. Nothing sleeps; what does not come within PATIENCE_SECONDS fails the
 * test.
 */
#ifndef OXP_UNIT_RAW_H
#define OXP_UNIT_RAW_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bytes.h"
#include "loop/loop.h"
#include "unit/unit.h"

/* For all that a test waits for: a model with thousands of moves takes 10 s alone, and a minute beside others. */
enum { PATIENCE_SECONDS = 300, RAW_MAX = 32 << 20 };

/* The clock of the system, moved ahead by a test. */
struct world {
	struct clock clock;
	int64_t ahead;
	int64_t began;
	struct loop *loop;
};

static inline struct mono_time world_mono(const struct clock *c)
{
	return (struct mono_time){ clock_system.mono(c).ns + ((const struct world *)c)->ahead };
}

static inline void world_init(struct world *w)
{
	*w = (struct world){ .clock = { clock_system.wall, world_mono } };
	w->began = clock_system.mono(NULL).ns;
	assert_int_equal(loop_new(&w->clock, &w->loop), 0);
}

static inline void turn(struct world *w)
{
	assert_true(clock_system.mono(NULL).ns - w->began < (int64_t)PATIENCE_SECONDS * 1000000000);
	loop_turn(w->loop, DURATION_MS(2));
}

/*
 * How many callbacks have ended, so two things that see the same number are of one callback. What comes of one turn()
 * depends on the machine: it goes on while anything is ready, and the slower the machine, the more is.
 */
static inline uint64_t callbacks_ended(const struct world *w)
{
	const struct loop_slices *slices = loop_slices(w->loop);
	uint64_t sum = 0;

	for (size_t i = 0; i <= LOOP_SLICE_BUCKETS; i++)
		sum += slices->counts[i];
	return sum;
}

static inline void turns(struct world *w, int n)
{
	while (n-- > 0)
		loop_turn(w->loop, DURATION_MS(0));
}

struct raw {
	struct world *world;
	int fd;
	struct buffer in;
	bool ended; /* the peer closed, or reset */
	bool reset;
};

static inline void raw_init(struct raw *r, struct world *w, int fd)
{
	*r = (struct raw){ .world = w, .fd = fd };
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	buffer_init(&r->in, RAW_MAX);
}

static inline int tcp_connect(uint16_t port)
{
	struct sockaddr_in to = { AF_INET, htons(port), { htonl(INADDR_LOOPBACK) }, { 0 } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline int unix_connect(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline void raw_connect(struct raw *r, struct world *w, uint16_t port)
{
	raw_init(r, w, tcp_connect(port));
}

static inline void raw_done(struct raw *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	buffer_done(&r->in);
}

/* Takes what has come. */
static inline void raw_receive(struct raw *r)
{
	char *to;
	ssize_t n;

	do {
		to = buffer_reserve(&r->in, 16 << 10);
		assert_non_null(to);
		n = recv(r->fd, to, 16 << 10, MSG_DONTWAIT);
		if (n > 0)
			r->in.size += (size_t)n;
	} while (n > 0);
	r->reset |= n < 0 && errno != EAGAIN;
	r->ended |= n == 0 || r->reset;
}

static inline void raw_turn(struct raw *r)
{
	turn(r->world);
	raw_receive(r);
}

/* Sends all of it, turning the loop while the peer is slow; gives up when the connection has ended. */
static inline void raw_send_bytes(struct raw *r, const char *data, size_t size)
{
	ssize_t n;

	while (size > 0 && !r->ended) {
		n = send(r->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN) {
			r->reset = true;
			return;
		}
		if (n > 0) {
			data += n;
			size -= (size_t)n;
		}
		turns(r->world, 1);
	}
}

static inline void raw_send(struct raw *r, const char *text)
{
	raw_send_bytes(r, text, strlen(text));
}

static inline bool raw_has(const struct raw *r, const char *text)
{
	return r->in.size > 0 && memmem(r->in.data, r->in.size, text, strlen(text));
}

static inline void raw_expect(struct raw *r, const char *text)
{
	while (!raw_has(r, text) && !r->ended)
		raw_turn(r);
	if (!raw_has(r, text))
		fail_msg("instead of %s came %.*s", text, (int)(r->in.size < 300 ? r->in.size : 300), r->in.data);
}

static inline void raw_expect_end(struct raw *r)
{
	while (!r->ended)
		raw_turn(r);
}

static inline void raw_clear(struct raw *r)
{
	buffer_clear(&r->in);
}

#endif
