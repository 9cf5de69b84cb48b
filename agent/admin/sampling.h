/*
 * Pages for expressions (expression/sampler.h): when one is wanted, there is a round (metrics.h), and what is asked
 * about is read from its page, in slices.
 */
#ifndef OXP_SAMPLING_H
#define OXP_SAMPLING_H

#include "admin/metrics.h"
#include "proto/exposition_parse.h"

struct core;

/* Only sampling.c writes it. */
struct sampling {
	struct core *core;
	struct metrics *metrics;
	struct page_taker taker;
	struct loop_soon slice;
	struct http_page *page; /* being read; NULL: none */
	size_t slice_bytes, read; /* of it, at a time and so far */
	const char *failed; /* there was none, and why */
	struct exposition_parser parser;
};

void sampling_init(struct sampling *, struct core *, struct metrics *);
/* Every check is there: pages are made from now on. */
void sampling_start(struct sampling *);
/* After metrics_stop(): none is read any more. Twice is fine. */
void sampling_stop(struct sampling *);

#endif
