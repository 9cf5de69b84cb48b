/*
 * Functions of a range: one number of the samples of a series (Prometheus 3, promql/functions.go: extrapolatedRate and
 * the functions of _over_time).
 */
#ifndef OXP_EXPRESSION_OVER_TIME_H
#define OXP_EXPRESSION_OVER_TIME_H

#include "expression/windows.h"

/* The samples of a series in (end - range, end], the oldest first. */
struct stretch {
	const struct sample *samples;
	size_t count;
	struct duration range;
	int64_t end_ms;
};

/* False: there are too few samples for a value. */
bool over_time(enum function_id, const struct stretch *, double *ret) MUST_CHECK;

/* A sum whose rounding errors do not add up (Neumaier). */
struct exact_sum {
	double sum, rest;
};
void exact_sum_add(struct exact_sum *, double);
double exact_sum_of(const struct exact_sum *);

#endif
