/*
 * Log lines as the body of one request of OTLP: one resource, which is the host app, one scope without a name, and a
 * record for each line (proto/otlp_log.h). It is made in the CPU lane; an item is a record, so one that is refused is
 * found by halves.
 */
#ifndef OXP_OTLP_LOGS_H
#define OXP_OTLP_LOGS_H

#include "component.h"
#include "exporters/post.h"

struct otlp_logs;

/* 0 or -ENOMEM. The resource is copied. */
int otlp_logs_new(const struct resource *, struct otlp_logs **ret) MUST_CHECK;
void otlp_logs_free(struct otlp_logs *);
/* Appends the request, empty without items. It begins at *ret_start, since how large its parts are is known last.
 * Records are observed at that time, in nanoseconds since 1970. 0, -ENOSPC or -ENOMEM. */
int otlp_logs_body(struct otlp_logs *, const struct post_items *, uint64_t observed, struct buffer *to,
	size_t *ret_start) MUST_CHECK;

#endif
