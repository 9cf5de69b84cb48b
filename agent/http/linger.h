/*
 * Lingering close: after an answer that was sent before the end of the body (413), the peer is still sending. Closing
 * at once would reset the connection, and the answer could be lost. So the rest is read and dropped for a while.
 */
#ifndef OXP_HTTP_LINGER_H
#define OXP_HTTP_LINGER_H

#include "loop/loop.h"

enum { LINGER_MAX = 16, LINGER_SECONDS = 2, LINGER_BYTES = 8 << 20 };

struct lingering;
struct lingers {
	struct loop *loop;
	struct lingering *first;
	size_t count;
};

void lingers_init(struct lingers *, struct loop *);
void lingers_done(struct lingers *);
/* Borrows the socket `fd`, whose owner closes it as usual: a duplicate keeps it open. Beyond LINGER_MAX it does
 * nothing. */
void linger_start(struct lingers *, int fd);

#endif
