/*
 * The steps of a chain over one request of spans, a slice at a time.
 */
#ifndef OXP_CHAIN_SPANS_H
#define OXP_CHAIN_SPANS_H

#include "pipeline/chain_out.h"
#include "pipeline/step.h"

/* Which spans of a request sampling left out: a bit for each, in the order in which they are shown. */
struct chain_sampled {
	uint64_t *bits;
	size_t room; /* words */
	size_t shown, left_out; /* spans */
	bool whole; /* there was memory for all bits; if not, of the others it left out: */
	size_t unknown;
};

/* A look at one request, as far as it has come. Only chain_spans.c writes it. */
struct chain_look {
	struct chain_row *rows, *dropper;
	size_t count;
	struct record record;
	const struct batch_item *item;
	struct chain_out *out; /* where the edited request goes */
	struct chain_sampled *sampled;
	size_t at; /* of those that sampling left out: spans that were passed */
	size_t scratch; /* what the steps may need for each byte */
	size_t taken[OTLP_LEVELS]; /* of the budget, for the views of each level */
	bool holds; /* some of that is not 0 */
	bool announced; /* memory was taken for what is shown next */
	const struct chain_row *hears; /* those before it are to be told of the span that a lane has seen; or NULL */
	int failed;
};

/* Steps that will be shown the item in record->request, and write it to `out` if they change it. `sampled` may be
 * NULL. */
void chain_spans_begin(struct chain_look *, const struct batch_item *, struct chain_sampled *sampled);
/* What sampling left out of it will be shown to all other steps. Nothing is counted. */
void chain_spans_begin_aside(struct chain_look *, const struct batch_item *, struct chain_sampled *);
/* Shows about *bytes bytes, which are taken off *bytes. 1: there is more; OTLP_EDIT_LONG: what is next takes long, and
 * otlp_edit_work() does it, which touches nothing but steps and edit; 0: the edit has counted the spans that stay and
 * those that are dropped; -EBADMSG: nothing of it stays, because a step could not do its work; -ENOMEM: no room;
 * -EMSGSIZE: there is hardly ever room for what steps need for a span as long as that. */
int chain_spans_go_on(struct chain_look *, size_t *bytes) MUST_CHECK;
/* Gives back what was taken; it need not have come to its end. */
void chain_spans_end(struct chain_look *);

#endif
