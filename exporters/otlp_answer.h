/*
 * What the answer to an OTLP request means: the rules for trying again, over HTTP and over gRPC, as tables.
 *
 * OpenTelemetry protocol 1.11.0: "OTLP/HTTP Response" (429, 502, 503, 504 and lost connections are tried again, every
 * other failure is not; Retry-After) and "OTLP/gRPC Response" (CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE,
 * UNAVAILABLE and DATA_LOSS are tried again; RESOURCE_EXHAUSTED if it comes with RetryInfo). Nothing is tried again
 * after partial success, and the records that it refused are counted.
 *
 * That holds for answers of an OTLP receiver. An answer of anything else says nothing about the records, which wait
 * until the right one answers: a 2xx that is not OTLP (the page of a captive portal), a redirect, and requests for
 * credentials (401, 403, 407, 511, UNAUTHENTICATED, PERMISSION_DENIED). No answer, and a refusal to let us in, may also
 * be the fault of one request alone: if others are taken meanwhile, the sender finds it.
 *
 * RESOURCE_EXHAUSTED is also how servers refuse a message over their limit; some reset its stream instead. That is told
 * from a quota by its size, or by the words.
 */
#ifndef OXP_OTLP_ANSWER_H
#define OXP_OTLP_ANSWER_H

#include "component.h"
#include "http/call.h"
#include "proto/grpc_answer.h"

/* A message of gRPC with this many bytes may be over a limit of the server, and one with that many surely is. */
enum { OTLP_REASON_MAX = 256, OTLP_GRPC_LARGE = 1 << 20, OTLP_GRPC_TOO_LARGE = 4 << 20 };

/* Of the request. */
struct otlp_asked {
	size_t items, bytes;
};

struct otlp_verdict {
	enum outcome outcome;
	int64_t not_before_ms; /* -1: at any time */
	unsigned refusal; /* 401 or 403: it did not like our credentials; else 0 */
	bool is_out; /* the host does not work, rather than that it refuses */
	uint64_t refused; /* records, if the outcome is DELIVERED */
	char reason[OTLP_REASON_MAX]; /* with what the peer said, which may quote our secrets */
};

void otlp_judge_http(const struct http_reply *, struct otlp_verdict *ret);
void otlp_judge_grpc(
	const struct http_reply *, const struct grpc_answer *, const struct otlp_asked *, struct otlp_verdict *ret);

#endif
