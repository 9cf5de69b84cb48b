#include "expression/quantile.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define SMALL_DIFFERENCE 1e-12

static int by_bound(const void *a, const void *b)
{
	double x = ((const struct bucket *)a)->bound, y = ((const struct bucket *)b)->bound;

	return (x > y) - (x < y);
}

/* Buckets of one bound become one. Returns how many there are. */
static size_t join(struct bucket *b, size_t count)
{
	size_t last = 0;

	for (size_t i = 1; i < count; i++)
		if (b[i].bound == b[last].bound)
			b[last].count += b[i].count;
		else
			b[++last] = b[i];
	return last + 1;
}

static bool nearly_equal(double a, double b)
{
	double sum = fabs(a) + fabs(b), difference = fabs(a - b);

	if (a == b)
		return true;
	if (a == 0 || b == 0 || sum < DBL_MIN)
		return difference < SMALL_DIFFERENCE * DBL_MIN;
	return difference / fmin(sum, DBL_MAX) < SMALL_DIFFERENCE;
}

/* Counts never fall from one bucket to the next, and errors of rounding are no difference. */
static void mend(struct bucket *b, size_t count)
{
	double before = b[0].count;

	for (size_t i = 1; i < count; i++)
		if (b[i].count < before || nearly_equal(before, b[i].count))
			b[i].count = before;
		else
			before = b[i].count;
}

static double within(const struct bucket *b, size_t i, double rank)
{
	double start = i > 0 ? b[i - 1].bound : 0, below = i > 0 ? b[i - 1].count : 0;

	return start + (b[i].bound - start) * ((rank - below) / (b[i].count - below));
}

double quantile_of_buckets(double quantile, struct bucket *b, size_t count)
{
	double rank;
	size_t i = 0;

	if (isnan(quantile))
		return (double)NAN;
	if (quantile < 0 || quantile > 1)
		return quantile < 0 ? -(double)INFINITY : (double)INFINITY;
	qsort(b, count, sizeof *b, by_bound);
	if (!isinf(b[count - 1].bound) || b[count - 1].bound < 0)
		return (double)NAN;
	count = join(b, count);
	mend(b, count);
	if (count < 2 || b[count - 1].count == 0)
		return (double)NAN;
	rank = quantile * b[count - 1].count;
	while (i < count - 1 && !(b[i].count >= rank))
		i++;
	if (i == count - 1)
		return b[count - 2].bound;
	return i == 0 && b[0].bound <= 0 ? b[0].bound : within(b, i, rank);
}
