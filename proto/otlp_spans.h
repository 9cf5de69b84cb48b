/*
 * The spans of an OTLP trace request, one after the other, as a cursor that can stop anywhere: for what reads each span
 * on a hot path and must not hold up the loop. otlp_traces_each() (otlp_walk.h) is for cold paths, otlp_edit.h for
 * whoever edits.
 *
 * A span has the resource that came before it in its ResourceSpans, as every encoder writes it; one that comes behind
 * its spans is too late. No more than OTLP_SPAN_FIELDS_MAX fields of a span are read; fields behind them are not there.
 */
#ifndef OXP_OTLP_SPANS_H
#define OXP_OTLP_SPANS_H

#include "proto/otlp_walk.h"
#include "proto/otlp_wire.h"

enum { OTLP_SPAN_FIELDS_MAX = 16384 };

/* What is left of the request, of the ResourceSpans and of the ScopeSpans at hand. */
struct otlp_spans {
	struct wire request, resource_spans, scope_spans;
	struct bytes resource; /* the message; empty if there is none yet */
};

enum otlp_spans_answer { OTLP_SPANS_END, OTLP_SPANS_ONE, OTLP_SPANS_PAUSE };

void otlp_spans_begin(struct otlp_spans *, struct bytes body);
/*
 * ONE: the next span is in *ret, but for its `scope` and `service`, which are empty. PAUSE: about *bytes bytes were
 * passed, and the next call goes on. What was passed is taken off *bytes. END: that was all; also where the body is no
 * such request after all, which one that passed otlp_traces_check() always is.
 */
enum otlp_spans_answer otlp_spans_next(struct otlp_spans *, size_t *bytes, struct otlp_span *ret) MUST_CHECK;

/* The AnyValue of the attribute of that name in a Span or a Resource, the first of them; empty if there is none within
 * the first OTLP_SPAN_FIELDS_MAX fields. */
struct bytes otlp_span_attribute(struct bytes span, struct bytes key);
struct bytes otlp_resource_attribute(struct bytes resource, struct bytes key);

#endif
