/*
 * The answer to a unary call of gRPC, as its client reads it: what stands in the head and in the trailers, and the one
 * message of the body. (gRPC, "gRPC over HTTP2", Responses; google.rpc.Status, RetryInfo.)
 *
 * A status that is not a number counts as UNKNOWN, since somebody wanted to say that the call failed. A message may be
 * compressed although nobody asked for that: some servers answer in the coding of the request.
 *
 * Answers come from outside: a message unpacks to at most GRPC_MESSAGE_MAX bytes, and of the details, base64 in a line
 * of the head, GRPC_DETAILS_READ are looked at.
 */
#ifndef OXP_GRPC_ANSWER_H
#define OXP_GRPC_ANSWER_H

#include "base/bytes.h"

enum grpc_status {
	GRPC_STATUS_NONE = -1, /* none has come */
	GRPC_STATUS_OK,
	GRPC_STATUS_CANCELLED,
	GRPC_STATUS_UNKNOWN,
	GRPC_STATUS_INVALID_ARGUMENT,
	GRPC_STATUS_DEADLINE_EXCEEDED,
	GRPC_STATUS_NOT_FOUND,
	GRPC_STATUS_ALREADY_EXISTS,
	GRPC_STATUS_PERMISSION_DENIED,
	GRPC_STATUS_RESOURCE_EXHAUSTED,
	GRPC_STATUS_FAILED_PRECONDITION,
	GRPC_STATUS_ABORTED,
	GRPC_STATUS_OUT_OF_RANGE,
	GRPC_STATUS_UNIMPLEMENTED,
	GRPC_STATUS_INTERNAL,
	GRPC_STATUS_UNAVAILABLE,
	GRPC_STATUS_DATA_LOSS,
	GRPC_STATUS_UNAUTHENTICATED,
	GRPC_STATUSES,
};

enum { GRPC_SAID_MAX = 256, GRPC_DETAILS_READ = 6 << 10, GRPC_MESSAGE_MAX = 256 << 10, GRPC_HEAD_SIZE = 5 };

struct grpc_answer {
	int status; /* enum grpc_status, or a number beyond */
	int64_t retry_ms; /* from RetryInfo in the details; -1: there is none */
	bool gzip; /* messages may be compressed */
	char said[GRPC_SAID_MAX]; /* grpc-message, one line of UTF-8, cut; "" */
};

void grpc_answer_init(struct grpc_answer *);
/* A line of the head, or behind the body. */
void grpc_answer_line(struct grpc_answer *, struct bytes line);
/* The message in the body, without its head; empty if the body is. It is unpacked into `room` if it has to be. 0;
 * -EBADMSG if it is cut, more than one, in another coding or damaged; -EFBIG if it unpacks to more than
 * GRPC_MESSAGE_MAX; or -ENOMEM. */
int grpc_answer_message(
	const struct grpc_answer *, struct bytes body, struct buffer *room, struct bytes *ret) MUST_CHECK;
/* "UNAVAILABLE"; of a number beyond the list, "a status that gRPC does not have". */
const char *grpc_status_name(int status);

/* The head of a message of that size (gRPC, "Length-Prefixed-Message"). */
void grpc_head_write(bool compressed, uint32_t size, char to[GRPC_HEAD_SIZE]);

#endif
