/*
 * One request in the clear and its answer, on a connection of our own (http/link.h), without libcurl: the body is
 * written from where it stands, and nobody copies it. libcurl copies each body into a buffer of its own, which took a
 * fifth of what spans cost. HTTP/1.1 is read by http/reading.h; of HTTP/2 http/h2_client.h knows more.
 *
 * What libcurl does, so that nobody need know which of them serves a call: a kept connection that turns out to be
 * closed, before anything of an answer, has the request sent again on a new one. An answer of 300 and above that comes
 * before the body is out ends the sending, and the connection with it. Any other answer counts once the body is out.
 * Redirects, "100 Continue" and proxies are not used.
 *
 * A turn of the loop reads and writes for about TURN_US at most.
 */
#ifndef OXP_HTTP_EXCHANGE_H
#define OXP_HTTP_EXCHANGE_H

#include "http/h2_client.h"
#include "http/link.h"
#include "http/reading.h"

enum { EXCHANGE_READ = 16 << 10, EXCHANGE_PIECES = H2_CLIENT_PIECES /* a write */ };

enum exchange_end {
	EXCHANGE_ANSWERED,
	EXCHANGE_NO_CONNECTION, /* `error` is the errno */
	EXCHANGE_BROKEN,
	EXCHANGE_RESET, /* HTTP/2: the peer reset the stream */
	EXCHANGE_OVER, /* the answer was stopped, or the call was given up */
};

/* All pointers outlive the exchange. */
struct exchange_options {
	struct links *links;
	struct turn *turn;
	struct answer *answer;
	const struct http_call_options *call; /* with look() */
	/* It connects once more, to send the request again; connected() follows if that works. */
	void (*connects)(void *context);
	/* The request is about to be sent on a connection. */
	void (*connected)(void *context);
	/* Once, from none of the exchange's functions, and with none of the call's callbacks under way: the exchange
	 * may be freed. `why`: a sentence for people. */
	void (*ended)(void *context, enum exchange_end, int error, const char *why);
	void *context;
};

/* Invariant: it has a link from exchange_start() until it has ended, unless `error` says why there is none. */
struct exchange {
	struct exchange_options o;
	struct buffer head; /* of the request */
	struct link_to to;
	struct link *link;
	struct loop_soon soon;
	struct reading reading;
	char *in; /* EXCHANGE_READ bytes; NULL: nothing has come */
	struct bytes unread; /* of these */
	uint64_t out; /* of head and body; HTTP/1.1 */
	int error; /* that ended the sending, or kept it from beginning */
	bool connecting, begun; /* `begun`: with the request, on this link */
	bool put_off; /* what has come waits for the next turn */
	bool may_read, may_write; /* the kernel has said so, and not EAGAIN since */
	bool came; /* something of the answer; HTTP/1.1 */
	bool whole; /* the answer */
	bool inside; /* the call's callbacks may be under way */
};

/* False: libcurl has to make that call (http/request.h). */
bool exchange_init(struct exchange *, const struct exchange_options *) MUST_CHECK;
void exchange_start(struct exchange *, const struct link_to *); /* again after EXCHANGE_NO_CONNECTION */
static inline bool exchange_is_connected(const struct exchange *x)
{
	return !x->connecting;
}
/* Closes the connection. Not `inside`. */
void exchange_stop(struct exchange *);
void exchange_done(struct exchange *); /* the same, for good; fine on zeroed memory */

#endif
