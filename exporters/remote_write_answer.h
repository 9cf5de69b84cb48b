/*
 * What an answer to a request of remote write means (prometheus.io, "Prometheus Remote-Write 1.0" and "2.0
 * specification", Retries): 5xx, and 429 unless that is turned off, is tried again; any other 4xx never. A receiver of
 * 2.0 says in headers how much it has written; one that says nothing has read the request as 1.0, and has nothing.
 */
#ifndef OXP_REMOTE_WRITE_ANSWER_H
#define OXP_REMOTE_WRITE_ANSWER_H

#include "component.h"
#include "http/call.h"
#include "proto/remote_write.h"

/* What the headers of an answer say was written. */
struct remote_written {
	bool said; /* there is at least one of these headers */
	uint64_t samples, histograms; /* the latter native ones */
};

struct remote_verdict {
	enum outcome outcome;
	uint64_t refused; /* samples and native histograms, if the outcome is DELIVERED */
	int64_t not_before_ms; /* -1: at any time */
	unsigned refusal; /* 401 or 403: it did not like our credentials; else 0 */
	char reason[256]; /* with what the peer said, which may quote our secrets */
};

/* A line of the head of an answer. */
void remote_written_line(struct remote_written *, struct bytes line);
/* `sent`: what the request had; `headers`: it was of 2.0, whose receivers say what was written. */
void remote_judge(const struct http_reply *, const struct remote_write_counts *sent,
	const struct remote_written *headers, bool retry_429, struct remote_verdict *ret);

#endif
