#include "expression/over_time.h"

#include <math.h>

/* Samples that lie this much of their distance from the end of the range are taken to reach up to it. */
#define NEAR_ENOUGH 1.1

void exact_sum_add(struct exact_sum *s, double x)
{
	double sum = s->sum + x;

	if (isinf(sum))
		s->rest = 0;
	else if (fabs(s->sum) >= fabs(x))
		s->rest += (s->sum - sum) + x;
	else
		s->rest += (x - sum) + s->sum;
	s->sum = sum;
}

double exact_sum_of(const struct exact_sum *s)
{
	return isinf(s->sum) ? s->sum : s->sum + s->rest;
}

/* What it grew by, a fall being a counter that began again at 0. */
static double grown(const struct sample *s, size_t count, bool counter)
{
	double by = s[count - 1].value - s[0].value;

	for (size_t i = 1; counter && i < count; i++)
		if (s[i].value < s[i - 1].value)
			by += s[i - 1].value;
	return by;
}

/* By how much a growth of `by` between the first and the last sample is more over all of the range. A counter was not
 * below 0 before its first sample. */
static double factor(const struct stretch *t, double by, bool counter)
{
	const struct sample *first = &t->samples[0], *last = &t->samples[t->count - 1];
	double sampled = (double)(last->ms - first->ms) / 1000, distance = sampled / (double)(t->count - 1);
	double before = (double)(first->ms - (t->end_ms - duration_ms(t->range))) / 1000;
	double behind = (double)(t->end_ms - last->ms) / 1000;

	if (before >= distance * NEAR_ENOUGH)
		before = distance / 2;
	if (counter && by > 0 && first->value >= 0 && sampled * (first->value / by) < before)
		before = sampled * (first->value / by);
	if (behind >= distance * NEAR_ENOUGH)
		behind = distance / 2;
	return (sampled + before + behind) / sampled;
}

static double rate_of(enum function_id f, const struct stretch *t)
{
	bool counter = f != FUNCTION_DELTA;
	double by = grown(t->samples, t->count, counter);

	return by * (factor(t, by, counter) / (f == FUNCTION_RATE ? duration_seconds(t->range) : 1));
}

static double sum_of(const struct sample *s, size_t count)
{
	struct exact_sum sum = { 0, 0 };

	for (size_t i = 0; i < count; i++)
		exact_sum_add(&sum, s[i].value);
	return exact_sum_of(&sum);
}

/* NaN only if there is nothing else. */
static double extreme(const struct sample *s, size_t count, bool most)
{
	double found = s[0].value;

	for (size_t i = 1; i < count; i++)
		if (isnan(found) || (most ? s[i].value > found : s[i].value < found))
			found = s[i].value;
	return found;
}

bool over_time(enum function_id f, const struct stretch *t, double *ret)
{
	const struct sample *s = t->samples;
	size_t count = t->count;

	if (count < (f <= FUNCTION_DELTA ? 2 : 1))
		return false;
	if (f <= FUNCTION_DELTA)
		*ret = rate_of(f, t);
	else if (f == FUNCTION_AVG_OVER_TIME)
		*ret = sum_of(s, count) / (double)count;
	else if (f == FUNCTION_SUM_OVER_TIME)
		*ret = sum_of(s, count);
	else if (f == FUNCTION_MIN_OVER_TIME || f == FUNCTION_MAX_OVER_TIME)
		*ret = extreme(s, count, f == FUNCTION_MAX_OVER_TIME);
	else
		*ret = f == FUNCTION_COUNT_OVER_TIME ? (double)count : s[count - 1].value;
	return true;
}
