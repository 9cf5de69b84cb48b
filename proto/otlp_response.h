/*
 * The answers of OTLP/HTTP: ExportTraceServiceResponse and google.rpc.Status, decoded and encoded by generated code,
 * since these are cold paths. Answers come from outside: decoding one takes at most OTLP_RESPONSE_MEMORY, whatever it
 * holds.
 *
 * Anything that speaks HTTP may answer, such as a captive portal or a proxy. An answer of OTLP has the Content-Type of
 * the request (specification, "OTLP/HTTP Response"); some receivers answer with JSON all the same, and an empty answer
 * may have no type. In protobuf an empty answer is full success. Many receivers send it with the type of JSON, too: it
 * counts as success, since otherwise they would get the same spans again and again.
 */
#ifndef OXP_OTLP_RESPONSE_H
#define OXP_OTLP_RESPONSE_H

#include "base/bytes.h"

enum { OTLP_RESPONSE_MAX = 1 << 20, OTLP_RESPONSE_JSON_MAX = 64 << 10, OTLP_RESPONSE_MEMORY = 4 << 20 };

/* What a 2xx answer says of partial success: 0 and "" on full success. The message is cut to `room`, which is at least
 * 1. 0; -EBADMSG if it is not such a message, or too large. */
int otlp_response_parse(struct bytes body, uint64_t *ret_rejected, char *ret_message, size_t room) MUST_CHECK;
/* The same for an answer with that Content-Type ("" when it has none), protobuf or JSON. -EBADMSG if it is not an
 * answer of OTLP. In JSON that is no bytes, or an object that is empty or has a member partialSuccess, or
 * partial_success. */
int otlp_answer_parse(
	const char *content_type, struct bytes body, uint64_t *ret_rejected, char *ret_message, size_t room) MUST_CHECK;
/* The message of a google.rpc.Status in protobuf, cut to `room`, which is at least 1. -EBADMSG if it is not one,
 * or has no message. */
int otlp_status_parse(struct bytes body, char *ret_message, size_t room) MUST_CHECK;
/* Appends an ExportTraceServiceResponse, which is empty on full success: 0 rejected and no message ("" or NULL). 0,
 * -ENOSPC or -ENOMEM. */
int otlp_response_write(uint64_t rejected, const char *message, struct buffer *) MUST_CHECK;
/* Appends a google.rpc.Status. 0, -ENOSPC or -ENOMEM. */
int otlp_status_write(int code, const char *message, struct buffer *) MUST_CHECK;

#endif
