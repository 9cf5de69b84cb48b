/*
 * Reads datagrams, several with one call, into memory of its own. The kernel reports those that it dropped because its
 * buffer was full: these count as lost, too.
 */
#ifndef OXP_COLLECTORS_DATAGRAM_READER_H
#define OXP_COLLECTORS_DATAGRAM_READER_H

#include <sys/socket.h>

#include "component.h"

enum { DATAGRAMS_AT_ONCE = 16, DATAGRAMS_ROOM = 1 << 20 /* bytes, or one datagram */ };

/* Only datagram_reader.c writes it. Invariant: the `count` datagrams that were read last stand in `memory`, `room`
 * bytes for each. */
struct datagram_reader {
	struct host *host;
	enum signal signal; /* of what is lost */
	int fd;
	size_t room, at_once; /* bytes for a datagram; datagrams that are read with one call */
	char *memory;
	struct iovec parts[DATAGRAMS_AT_ONCE];
	struct mmsghdr messages[DATAGRAMS_AT_ONCE];
	size_t count;
	uint32_t kernel_drops; /* as of the last look */
	uint64_t *datagrams, *kernel_lost;
};

/* Of a larger datagram only `room` bytes are read. The memory is DATAGRAMS_ROOM or less, whatever `room` is. */
void datagram_reader_init(struct datagram_reader *, struct host *, enum signal, int fd, size_t room);
void datagram_reader_done(struct datagram_reader *); /* fine on zeroed memory; the descriptor is the caller's */
/* Reads what is there without waiting; what was read before is gone. Returns `count`; 0 also stands for an error. */
size_t datagram_reader_next(struct datagram_reader *);

/* The size of a datagram, and what of it was read. */
static inline size_t datagram_size(const struct datagram_reader *r, size_t i)
{
	return r->messages[i].msg_len;
}

static inline struct bytes datagram_bytes(const struct datagram_reader *r, size_t i)
{
	return (struct bytes){ r->parts[i].iov_base, smaller(r->messages[i].msg_len, r->room) };
}

#endif
