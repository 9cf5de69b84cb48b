#include "pipeline/pacing.h"

static unsigned asked_for(const struct pacing *p)
{
	unsigned answers = PACING_FEW << p->stalls;

	return answers < PACING_MANY ? answers : PACING_MANY;
}

void pacing_took(struct pacing *p, struct mono_time now)
{
	p->answers += p->answers < PACING_MANY;
	p->settled = now;
}

void pacing_failed(struct pacing *p)
{
	p->answers = 0;
	p->waits_since = (struct mono_time){ 0 };
}

/* When the wait ends that began then. */
static int64_t ends_ns(const struct pacing *p)
{
	int64_t from = p->settled.ns > p->waits_since.ns ? p->settled.ns : p->waits_since.ns;
	int64_t stalls = from + DURATION_MS(PACING_STALL_MS).ns,
		over = p->waits_since.ns + DURATION_MS(PACING_WAIT_MS).ns;

	return stalls < over ? stalls : over;
}

enum pacing_verdict pacing_ask(struct pacing *p, struct mono_time now, uint64_t queued)
{
	if (p->answers < asked_for(p))
		return PACING_NOT;
	if (queued < PACING_MOST) {
		if (p->waits_since.ns)
			p->stalls = 0;
		p->waits_since = (struct mono_time){ 0 };
		return PACING_MORE;
	}
	if (!p->waits_since.ns)
		p->waits_since = now;
	if (now.ns < ends_ns(p))
		return PACING_ENOUGH;
	p->stalls += asked_for(p) < PACING_MANY;
	pacing_failed(p);
	return PACING_NOT;
}

struct duration pacing_patience(const struct pacing *p, struct mono_time now)
{
	int64_t left = ends_ns(p) - now.ns;

	return (struct duration){ left > 0 ? left : 0 };
}
