/*
 * The steps of a chain over one request of spans.
 */
#ifndef OXP_CHAIN_SPANS_H
#define OXP_CHAIN_SPANS_H

#include "pipeline/batch.h"
#include "pipeline/step.h"

/* Which spans of a request sampling left out: a bit for each, in the order in which they are shown. */
struct chain_sampled {
	uint64_t *bits;
	size_t room; /* words */
	size_t shown, left_out; /* spans */
	bool whole; /* there was memory for all bits; if not, of the others it left out: */
	size_t unknown;
};

/* Shows the request to the steps, in record->request, which then has the edits and counts the spans that stay and those
 * that are dropped. False: nothing of it stays, because a step dropped every span or could not do its work. `sampled`
 * may be NULL. */
bool chain_spans_look(struct chain_row *rows, size_t count, struct record *, const struct batch_item *,
	struct chain_sampled *sampled);
/* Shows what sampling left out of the request to all other steps. Nothing is counted. 1; 0: nothing of it is left;
 * -errno: the steps cannot do their work. */
int chain_spans_look_aside(const struct chain_row *rows, size_t count, struct record *, const struct batch_item *,
	const struct chain_sampled *) MUST_CHECK;

#endif
