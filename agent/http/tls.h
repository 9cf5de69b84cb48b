/*
 * TLS on a connection that a server has let in (RFC 8446, RFC 5246), on GnuTLS. All of it is done on the loop and
 * nothing blocks.
 *
 * From TLS_DONE of tls_greet() to tls_free() the connection is read and written with tls_recv() and tls_send(), which
 * answer as recv() and sendmsg() do. What of a record was read and not taken is kept here, where no watch sees it: ask
 * tls_pending() before waiting for more. A record that the kernel does not take is kept here, too, and its bytes count
 * as not sent: the next tls_send() has to begin with the same ones.
 */
#ifndef OXP_HTTP_TLS_H
#define OXP_HTTP_TLS_H

#include <sys/types.h>
#include <sys/uio.h>

#include "http/tls_pair.h"

enum { TLS_SEND_MAX = 256 << 10 }; /* of one tls_send() */
enum { TLS_MESSAGE_MAX = 32 << 10 }; /* bytes of one of a handshake, as a ClientHello or a client's certificates */
enum { TLS_RECORDS_MAX = 32 }; /* of one tls_recv(); 16 full ones are 256 KiB */
/* What a connection takes beside its buffers, measured: GnuTLS keeps 13 KiB of each, and a record while it comes. */
enum { TLS_SEAT = 32 << 10, TLS_SEATS_LEAST = 16 };

enum tls_speaks { TLS_HTTP_1, TLS_HTTP_2, TLS_ANYTHING }; /* what is agreed on, of what a client proposes (ALPN) */

enum tls_step {
	TLS_DONE, /* the peer is who it has to be */
	TLS_WAITS, /* for more of it */
	TLS_BROKEN, /* the connection is to be closed; tls_why() says why */
};

/* Why a handshake failed; one counter each. */
enum tls_fault {
	TLS_NONE, /* it did not */
	TLS_PLAIN, /* the peer speaks no TLS */
	TLS_PROTOCOL, /* malformed, or no version, cipher or protocol in common */
	TLS_CLIENT, /* its certificate is missing, or not one that is let in */
	TLS_DECLINED, /* the peer ended it with an alert: it does not trust ours, say */
	TLS_LEFT, /* the peer closed */
	TLS_LATE, /* it took too long, or its seat was wanted */
	TLS_FAULTS
};
extern const char *const tls_faults[]; /* the words */

struct tls;

/* Holds the pair. The socket stays the caller's. 0 or -ENOMEM. */
int tls_new(struct tls_pair *, int fd, enum tls_speaks, struct tls **ret) MUST_CHECK;
/* Goes on with the handshake when the socket is readable; two milliseconds of CPU time in all with RSA of 2048 bits,
 * 0.7 with ECDSA (tests/bench/tls.py). A peer that sends plain text is told so in HTTP/1.1. */
enum tls_step tls_greet(struct tls *) MUST_CHECK;
bool tls_is_known(const struct tls *); /* whether the peer presented a certificate, which then is one that is let in */
enum tls_fault tls_fault(const struct tls *);
const char *tls_why(const struct tls *);

/* Up to `room` bytes, of TLS_RECORDS_MAX records at most: each costs its work, however few bytes it has. 0 at the end;
 * -1 with errno: EAGAIN, or ECONNRESET for whatever ends the connection. */
ssize_t tls_recv(struct tls *, void *to, size_t room) MUST_CHECK;
bool tls_pending(const struct tls *);
ssize_t tls_send(struct tls *, const struct iovec *parts, size_t count) MUST_CHECK;
void tls_bye(struct tls *); /* tells the peer that nothing more will come; NULL is fine */
void tls_free(struct tls *); /* NULL is fine */

#endif
