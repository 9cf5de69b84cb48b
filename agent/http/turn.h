/*
 * How long a library has had its turn, for callbacks that may be called many times within one of its functions.
 */
#ifndef OXP_HTTP_TURN_H
#define OXP_HTTP_TURN_H

#include "base/clock.h"

enum { TURN_US = 300 }; /* after that, what is left waits for the next turn of the loop */

struct turn {
	const struct clock *clock;
	struct mono_time began;
};

static inline void turn_begin(struct turn *t)
{
	t->began = t->clock->mono(t->clock);
}

static inline bool turn_is_over(const struct turn *t)
{
	return mono_since(t->clock->mono(t->clock), t->began).ns > TURN_US * 1000;
}

#endif
