#include "collectors/pace.h"

/* One slow callback alone may have been interrupted. */
enum { SLOW_US = 500, SLOW_TIMES = 3, BRISK_US = 150, BRISK_TIMES = 32 };

void pace_learn(struct pace *p, size_t size, struct duration took)
{
	bool full = size >= p->most / 2; /* what is small says nothing of larger ones */

	p->slow = took.ns > SLOW_US * 1000 ? p->slow + 1 : 0;
	p->brisk = took.ns < BRISK_US * 1000 ? p->brisk + full : 0;
	if (p->slow >= SLOW_TIMES && p->most > p->least) {
		p->most /= 2;
		p->slow = 0;
	} else if (p->brisk >= BRISK_TIMES && p->most < p->ceiling) {
		p->most *= 2;
		p->brisk = 0;
	}
}
