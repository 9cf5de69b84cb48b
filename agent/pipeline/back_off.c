#include "pipeline/back_off.h"

enum { STEADY_S = 600 };
static const struct duration steady = { BACK_OFF_STEADY_MS * INT64_C(1000000) };

void back_off_init(struct back_off *b, struct duration first, struct duration last)
{
	*b = (struct back_off){ .first = first, .last = last };
}

static int64_t next_ceiling(const struct back_off *b, struct duration outage)
{
	int64_t first = b->first.ns, most = b->last.ns;

	if (outage.ns < DURATION_S(STEADY_S).ns)
		most = first > steady.ns ? first : steady.ns;
	most = most < b->last.ns ? most : b->last.ns;
	if (b->ceiling.ns == 0)
		return first < most ? first : most;
	return b->ceiling.ns * 2 < most ? b->ceiling.ns * 2 : most;
}

struct duration back_off_wait(struct back_off *b, struct random *random, struct mono_time now, struct duration outage)
{
	int64_t asked = mono_since(b->not_before, now).ns;
	int64_t least, wait, more;

	b->ceiling.ns = next_ceiling(b, outage);
	least = b->ceiling.ns < steady.ns ? 0 : b->ceiling.ns / 2;
	wait = least + (int64_t)random_below(random, (uint64_t)(b->ceiling.ns - least) + 1);
	more = wait < steady.ns ? wait : steady.ns;
	return (struct duration){ wait < asked ? asked + more : wait };
}

void back_off_asked(struct back_off *b, struct mono_time now, uint64_t ms)
{
	struct mono_time asked = mono_after(now, DURATION_MS((int64_t)ms));

	if (ms > 0 && asked.ns > b->not_before.ns)
		b->not_before = asked;
}

bool back_off_forbids(const struct back_off *b, struct mono_time now)
{
	return b->not_before.ns > now.ns;
}

void back_off_over(struct back_off *b)
{
	b->ceiling = (struct duration){ 0 };
}
