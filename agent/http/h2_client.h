/*
 * HTTP/2 in the clear as the client speaks it without libcurl (RFC 9113, 3.3): one session of nghttp2 for each
 * connection, one call at a time. It has no socket: bytes that came are given to it, and what is to be written is asked
 * for. The body is written from where it stands, many frames at a time; libcurl writes 16 KiB at a time, and has a
 * connection for each call.
 *
 * An answer is whole once its stream ends on the peer's side, whether the body was out or not, since over gRPC that is
 * how a refusal comes.
 */
#ifndef OXP_HTTP_H2_CLIENT_H
#define OXP_HTTP_H2_CLIENT_H

#include <sys/uio.h>

#include "http/reading.h"

enum {
	H2_CLIENT_FIELDS_MAX = 64, /* of a request */
	H2_CLIENT_PIECES = 160, /* that are written in one call into the kernel */
	H2_CLIENT_WRITE = 256 << 10, /* bytes of these, and one frame more */
};

struct h2_client;

struct h2_client *h2_client_new(void) MUST_CHECK; /* NULL: no memory */
void h2_client_free(struct h2_client *); /* takes NULL */

/* Whether the request's head, as request_write() made it, can be sent. */
bool h2_client_takes(struct bytes head) MUST_CHECK;
/* A call begins; the one before it has ended. All pointers are borrowed until h2_client_end(). The head of the answer
 * goes into `reading`, which is used for that only. 0, or -ECONNRESET: the connection takes no more. */
int h2_client_begin(
	struct h2_client *, struct bytes head, const struct http_call_options *, struct reading *) MUST_CHECK;
bool h2_client_end(struct h2_client *); /* whether both sides had ended it, so that another call may begin */
/* As reading_take(), and READING_BAD also if the peer reset the stream: h2_client_reset(). Without a call it takes what
 * comes between calls. */
enum reading_verdict h2_client_take(struct h2_client *, struct bytes *in, struct wall_time now) MUST_CHECK;
bool h2_client_reset(const struct h2_client *);
/* The peer says that it has not looked at the request, or that it takes no more. */
bool h2_client_refused(const struct h2_client *);
bool h2_client_is_malformed(const struct h2_client *); /* the answer */

/* What is to be written next; 0: nothing, for now. It stays until it was sent. */
size_t h2_client_pieces(struct h2_client *, struct iovec to[H2_CLIENT_PIECES]) MUST_CHECK;
void h2_client_sent(struct h2_client *, size_t);
/* Without a call: nobody ended the connection, and nothing is left to be written. */
bool h2_client_is_free(const struct h2_client *);
bool h2_client_is_over(const struct h2_client *); /* the connection: nothing will come of it */

#endif
