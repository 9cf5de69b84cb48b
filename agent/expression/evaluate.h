/*
 * The value of an expression, of the samples in its windows. Pure, but for those.
 */
#ifndef OXP_EXPRESSION_EVALUATE_H
#define OXP_EXPRESSION_EVALUATE_H

#include "expression/windows.h"
#include "expression/work.h"

/* What a condition (expression_is_condition()) says: each comparison of two numbers that are there holds. */
enum verdict { VERDICT_NO_DATA, VERDICT_YES, VERDICT_NO, VERDICT_FAILED };
enum { VERDICT_WHY_MAX = 200 };
/* Of NO and FAILED with the reason: which series, and its value. */
enum verdict evaluate_condition(
	const struct expression *, const struct windows *, struct wall_time wall, char why[VERDICT_WHY_MAX]);

/* The value at the time of the last page, for tests. `wall` is what time() says. False, with the reason in `work`,
 * which has the memory of the value. */
bool evaluate(const struct expression *, const struct windows *, struct wall_time wall, struct work *,
	struct value *ret) MUST_CHECK;

#endif
