/*
 * What collectors of spans in another form than OTLP have in common, whichever way they come: the form, and what is
 * counted and told of spans that were taken or refused.
 */
#ifndef OXP_SPANS_TALLY_H
#define OXP_SPANS_TALLY_H

#include "component.h"
#include "proto/otlp_made.h"

/* A form. Both calls are on the loop or in the CPU lane. */
struct spans_form {
	const char *name; /* "a batch of Jaeger's" */
	/* NULL; or what is wrong with the whole body, found at byte *ret_at. Behind a body that came over HTTP there
	 * are BATCH_PADDING readable bytes. */
	const char *(*plan)(struct bytes body, struct otlp_made *ret, size_t *ret_at);
	void (*write)(struct bytes body, const struct otlp_made *plan, char *to);
};

/* What becomes of spans, whichever way they came; one for each collector. */
struct spans_tally {
	struct host *host;
	struct mono_time told; /* when it was logged that spans were refused; 0: never */
	uint64_t *spans, *refused;
};

void spans_tally_init(struct spans_tally *, struct host *);
/* They were taken, except for those that were refused: `why` names these. */
void spans_tally_taken(struct spans_tally *, const struct otlp_made *, const char *why);

#endif
