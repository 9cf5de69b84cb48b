/*
 * The steps of a chain over one request of spans.
 */
#ifndef OXP_CHAIN_SPANS_H
#define OXP_CHAIN_SPANS_H

#include "pipeline/batch.h"
#include "pipeline/step.h"

/* Shows the request to the steps, in record->request, which then has the edits and counts the spans that stay and those
 * that are dropped. False: nothing of it stays, because a step dropped every span or could not do its work. */
bool chain_spans_look(struct chain_row *rows, size_t count, struct record *, const struct batch_item *);

#endif
