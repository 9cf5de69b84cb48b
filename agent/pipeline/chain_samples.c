#include "pipeline/chain_samples.h"

#include "series/steps.h"

_Static_assert((int)STEPS_MAX <= (int)SERIES_STEPS_MAX, "each step has a count");

static int step(void *context, struct series_edit *edit)
{
	const struct chain *c = context;
	struct record record = { .sample = edit };

	for (size_t i = 0; i < c->count; i++)
		if (c->rows[i].type->apply(c->rows[i].step, &record) == STEP_DROP)
			return (int)i;
	return -1;
}

static void stepped(void *context, const uint64_t dropped[SERIES_STEPS_MAX])
{
	const struct chain *c = context;

	for (size_t i = 0; i < c->count; i++)
		*c->rows[i].dropped += dropped[i];
}

void chain_takes_samples(struct chain *c, struct series *series)
{
	series_steps(series, &(struct series_steps){ .step = step, .stepped = stepped, .context = c });
}
