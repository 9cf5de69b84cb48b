#include "collectors/datagram_reader.h"

#include <linux/sock_diag.h>
#include <stdlib.h>

enum { UDP_MAX = UINT16_MAX }; /* bytes of a datagram over UDP */

/* What the kernel has dropped since the last look. It counts from when the socket was made, in 32 bits. */
static void count_kernel_drops(struct datagram_reader *r)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 }, fresh;
	socklen_t size = sizeof info;

	if (getsockopt(r->fd, SOL_SOCKET, SO_MEMINFO, info, &size) < 0)
		return;
	fresh = info[SK_MEMINFO_DROPS] - r->kernel_drops;
	r->kernel_drops = info[SK_MEMINFO_DROPS];
	if (fresh == 0)
		return;
	*r->kernel_lost += fresh;
	host_lost(r->host, r->signal, fresh, 0);
}

size_t datagram_reader_next(struct datagram_reader *r)
{
	int count = recvmmsg(r->fd, r->messages, (unsigned)r->at_once, MSG_DONTWAIT | MSG_TRUNC, NULL);

	r->count = count > 0 ? (size_t)count : 0; /* an error of one peer (ICMP) is reported here, once */
	*r->datagrams += r->count;
	count_kernel_drops(r);
	return r->count;
}

/* The longest datagram that can come, as far as it is kept. */
static size_t longest(int fd, size_t room)
{
	int domain = AF_UNIX;
	socklen_t size = sizeof domain;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain == AF_UNIX)
		return room;
	return smaller(room, UDP_MAX);
}

static void make_room(struct datagram_reader *r, size_t room)
{
	size_t fit;

	r->room = longest(r->fd, room);
	fit = DATAGRAMS_ROOM / r->room;
	r->at_once = fit == 0 ? 1 : smaller(fit, DATAGRAMS_AT_ONCE);
	r->memory = malloc(r->at_once * r->room); /* pages that no datagram needed stay untouched */
	OXP_ASSERT(r->memory && "out of memory");
	for (size_t i = 0; i < r->at_once; i++) {
		r->parts[i] = (struct iovec){ r->memory + i * r->room, r->room };
		r->messages[i].msg_hdr = (struct msghdr){ .msg_iov = &r->parts[i], .msg_iovlen = 1 };
	}
}

void datagram_reader_init(struct datagram_reader *r, struct host *host, enum signal signal, int fd, size_t room)
{
	*r = (struct datagram_reader){ .host = host, .signal = signal, .fd = fd };
	make_room(r, room);
	r->datagrams = host_counter(host, "datagrams_total", "Datagrams read.");
	r->kernel_lost = host_counter(
		host, "kernel_lost_datagrams_total", "Datagrams the kernel dropped because its buffer was full.");
}

void datagram_reader_done(struct datagram_reader *r)
{
	free(r->memory);
	r->memory = NULL;
}
