/*
 * Operators between two values: arithmetic and comparisons, of numbers, of a vector with a number, and of the elements
 * of two vectors whose labels match; and the operators of sets.
 */
#ifndef OXP_EXPRESSION_BINARY_H
#define OXP_EXPRESSION_BINARY_H

#include "expression/work.h"

/* False, with the reason in `work`: labels match more than once, or there is no memory. */
bool binary_apply(
	struct work *, const struct term *, struct value left, struct value right, struct value *ret) MUST_CHECK;

bool binary_holds(enum operator, double left, double right); /* a comparison of two numbers */

#endif
