/*
 * The steps of metrics, between what collectors stage and the series table (series/steps.h).
 */
#ifndef OXP_CHAIN_SAMPLES_H
#define OXP_CHAIN_SAMPLES_H

#include "pipeline/chain.h"

struct series;

/* The table shows each sample to the chain from the next page on; the chain outlives that, or series_steps(NULL) ends
 * it. */
void chain_takes_samples(struct chain *, struct series *);

#endif
