/*
 * What gRPC puts around a message and beside it, in HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md): the frame of five bytes, the
 * deadline, and how a call that failed is told, as a server needs them. What a client reads is in grpc_answer.h. Pure.
 */
#ifndef OXP_GRPC_H
#define OXP_GRPC_H

#include "base/bytes.h"
#include "base/clock.h"
#include "proto/grpc_answer.h"

enum {
	GRPC_DETAILS_MAX = 8 << 10, /* of the text of grpc_details_write() */
};

/* The head of a message, however its bytes are cut: whether it is compressed, and its size. */
struct grpc_frame {
	unsigned char head[GRPC_HEAD_SIZE];
	unsigned got;
};

/* Takes the bytes of the head away from `in`. Whether it is whole. */
bool grpc_frame_read(struct grpc_frame *, struct bytes *in);
static inline bool grpc_frame_is_whole(const struct grpc_frame *f)
{
	return f->got == GRPC_HEAD_SIZE;
}
size_t grpc_frame_size(const struct grpc_frame *); /* of a whole head */
static inline unsigned grpc_frame_flag(const struct grpc_frame *f)
{
	return f->head[0]; /* 0: as it is, 1: compressed; others do not exist */
}

/* grpc-timeout: one to eight digits and a unit. 0 or -EINVAL. */
int grpc_timeout_parse(const char *text, struct duration *ret) MUST_CHECK;
/* Appends grpc-message: UTF-8 with all but visible ASCII, and %, escaped. 0, -ENOSPC or -ENOMEM. */
int grpc_message_write(const char *message, struct buffer *) MUST_CHECK;
/* Appends grpc-status-details-bin: a google.rpc.Status with a RetryInfo of that many seconds, in base64 without
 * padding. 0, -ENOSPC or -ENOMEM. */
int grpc_details_write(enum grpc_status, const char *message, int64_t retry_s, struct buffer *) MUST_CHECK;

#endif
