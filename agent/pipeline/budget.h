/*
 * The byte budget: `memory` of the configuration, for everything alive between collectors and destinations.
 *
 * Each signal has a guaranteed part; beyond it, signals share the rest, so a flood of spans cannot starve the logs.
 * Whoever found no room is told when there is some (`freed`).
 *
 * Invariant: sum over signals of max(used, guaranteed) <= limit.
 */
#ifndef OXP_BUDGET_H
#define OXP_BUDGET_H

#include "component.h"

enum { BUDGET_SIGNALS = 3 };

struct budget {
	size_t limit;
	size_t guaranteed[BUDGET_SIGNALS], used[BUDGET_SIGNALS];
	/* The least that was asked for in vain since `freed` was last called; 0: nothing. */
	size_t refused[BUDGET_SIGNALS];
	uint64_t taken; /* bytes ever */
	void (*freed)(void *context); /* there is room for it now; called at most once for each run of refusals */
	void *context;
};

void budget_init(struct budget *, size_t limit);
bool budget_take(struct budget *, enum signal, size_t bytes) MUST_CHECK;
void budget_give(struct budget *, enum signal, size_t bytes);
size_t budget_used(const struct budget *);
size_t budget_most(const struct budget *, enum signal); /* that the signal can have, if the others have nothing */
/* Whether logs and spans hold more than what is guaranteed to one signal. Series stay, batches and answers go. */
bool budget_is_shared(const struct budget *);
void budget_check(const struct budget *);

#endif
