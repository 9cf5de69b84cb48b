/*
 * The functions and aggregates that there are: their names, and what they take and give.
 */
#ifndef OXP_EXPRESSION_SIGNATURES_H
#define OXP_EXPRESSION_SIGNATURES_H

#include "expression/term.h"

enum { SIGNATURE_ARGUMENTS = 2 };

struct signature {
	const char *name;
	enum function_id id;
	enum value_kind result;
	size_t count;
	enum value_kind arguments[SIGNATURE_ARGUMENTS];
};

const struct signature *signature_find(struct bytes name); /* NULL if there is none */
int aggregate_find(struct bytes name); /* an enum aggregate, or -1 */

#endif
