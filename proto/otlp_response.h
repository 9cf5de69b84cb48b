/*
 * The answers of OTLP/HTTP: ExportTraceServiceResponse and google.rpc.Status as protobuf. Cold paths.
 */
#ifndef OXP_OTLP_RESPONSE_H
#define OXP_OTLP_RESPONSE_H

#include "base/bytes.h"

enum { OTLP_RESPONSE_MAX = 1 << 20 };

/* What a 2xx answer says of partial success; both are 0 and "" on full success. -EBADMSG when it is no such message. */
int otlp_response_parse(struct bytes body, uint64_t *ret_rejected, char *ret_message, size_t room) MUST_CHECK;
/* Appends a google.rpc.Status. 0, -ENOSPC or -ENOMEM. */
int otlp_status_write(int code, const char *message, struct buffer *) MUST_CHECK;

#endif
